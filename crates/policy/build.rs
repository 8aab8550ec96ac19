//! Lists the files of `packs/`, so that the binary carries the packs that ship.
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let packs = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("packs");
    println!("cargo:rerun-if-changed={}", packs.display());
    let mut table = String::from("/// Folder name and files of every pack that ships.\n");
    table.push_str("pub(crate) static EMBEDDED: &[(&str, EmbeddedFiles)] = &[\n");
    for pack in sorted(&packs)? {
        let name = file_name(&pack)?;
        writeln!(table, "    ({name:?}, &[")?;
        for file in files(&pack)? {
            let relative = file.strip_prefix(&pack)?.to_str().ok_or("a path is not UTF-8")?;
            let path = format!("/packs/{name}/{relative}");
            writeln!(
                table,
                "        ({relative:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),"
            )?;
        }
        table.push_str("    ]),\n");
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("packs.rs"), table)?;
    Ok(())
}

/// Every file below a folder, sorted by path.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut found = Vec::new();
    for path in sorted(folder)? {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            println!("cargo:rerun-if-changed={}", path.display());
            found.push(path);
        }
    }
    Ok(found)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| file_name(path).is_ok_and(|name| !name.starts_with('.')));
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> Result<String, Box<dyn Error>> {
    Ok(path.file_name().and_then(|name| name.to_str()).ok_or("a path is not UTF-8")?.to_owned())
}
