//! The packs that are in use: those that ship with the binary, and those of a folder of the operator's.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assessment::{MAX_PACK_BYTES, MAX_PACK_FILES, Pack, PackErrors, PackFiles, check_pack, load_pack};
use thiserror::Error;

/// Relative path and content of every file of a pack.
type EmbeddedFiles = &'static [(&'static str, &'static [u8])];

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// Most packs on a shelf.
const MAX_PACKS: usize = 64;
/// Deepest folder inside a pack.
const MAX_DEPTH: usize = 3;

/// Packs by name, with their files; every one is checked.
#[derive(Debug, Clone, Default)]
pub struct PackShelf(BTreeMap<String, (Arc<Pack>, Arc<PackFiles>)>);

/// Why the packs can't be used.
#[derive(Debug, Error)]
pub enum ShelfError {
    /// A pack is refused; every problem is named with file, line and how to mend it.
    #[error("pack `{pack}` is refused:\n{errors}")]
    Refused { pack: String, errors: PackErrors },
    /// A pack says that it is another one.
    #[error("the pack in folder `{folder}` calls itself `{name}`; give both the same name")]
    OtherName { folder: String, name: String },
    /// A folder or file can't be read.
    #[error("`{}` can't be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// Something in the folder is too large, too deep, or has a name that isn't text.
    #[error("`{}` doesn't belong into a folder of packs: {reason}", path.display())]
    Misplaced { path: PathBuf, reason: &'static str },
}

impl PackShelf {
    /// The packs that ship, overlaid with those of a folder. Blocks while it reads.
    pub fn open(folder: Option<&Path>) -> Result<Self, ShelfError> {
        let mut shelf = Self::default();
        for (name, files) in EMBEDDED {
            let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
            let files = PackFiles(files);
            // What ships passed the tests inside it before it was built in; starting needn't run them again.
            let read = load_pack(&files);
            shelf.add(name, files, read)?;
        }
        if let Some(folder) = folder {
            for (name, files) in read_folder(folder)? {
                let read = check_pack(&files).map(|checked| checked.pack);
                shelf.add(&name, files, read)?;
            }
        }
        Ok(shelf)
    }

    /// The pack of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Pack>> {
        self.0.get(name).map(|(pack, _)| pack)
    }

    /// All packs, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.0.values().map(|(pack, _)| pack)
    }

    /// All packs with their files, by name.
    pub fn contents(&self) -> impl Iterator<Item = (&Pack, &PackFiles)> {
        self.0.values().map(|(pack, files)| (pack.as_ref(), files.as_ref()))
    }

    fn add(
        &mut self,
        folder: &str,
        files: PackFiles,
        read: Result<Pack, PackErrors>,
    ) -> Result<(), ShelfError> {
        let pack = read.map_err(|errors| ShelfError::Refused { pack: folder.to_owned(), errors })?;
        if pack.name != folder {
            return Err(ShelfError::OtherName { folder: folder.to_owned(), name: pack.name });
        }
        self.0.insert(pack.name.clone(), (Arc::new(pack), Arc::new(files)));
        Ok(())
    }
}

/// The files of one pack's folder. Names that begin with a dot are left alone. Blocks while it reads.
pub fn read_pack_folder(folder: &Path) -> Result<PackFiles, ShelfError> {
    let mut files = BTreeMap::new();
    read_files(folder, "", MAX_DEPTH, &mut files)?;
    Ok(PackFiles(files))
}

/// Every folder inside is a pack. Names that begin with a dot are left alone.
fn read_folder(folder: &Path) -> Result<Vec<(String, PackFiles)>, ShelfError> {
    let mut packs = Vec::new();
    for (name, path) in entries(folder)? {
        if !path.is_dir() {
            return Err(ShelfError::Misplaced { path, reason: "it is not a pack's folder" });
        }
        if packs.len() == MAX_PACKS {
            return Err(ShelfError::Misplaced { path, reason: "there are too many packs" });
        }
        packs.push((name, read_pack_folder(&path)?));
    }
    Ok(packs)
}

/// Adds the files below `folder` under their paths relative to the pack, with `/` between folders.
fn read_files(
    folder: &Path,
    prefix: &str,
    depth_left: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), ShelfError> {
    for (name, path) in entries(folder)? {
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            if depth_left == 0 {
                return Err(ShelfError::Misplaced { path, reason: "it is too deep" });
            }
            read_files(&path, &format!("{relative}/"), depth_left - 1, files)?;
            continue;
        }
        let unreadable = |source| ShelfError::Unreadable { path: path.clone(), source };
        let bytes = fs::metadata(&path).map_err(unreadable)?.len();
        if usize::try_from(bytes).is_ok_and(|bytes| bytes <= MAX_PACK_BYTES) && files.len() < MAX_PACK_FILES {
            files.insert(relative, fs::read(&path).map_err(unreadable)?);
        } else {
            return Err(ShelfError::Misplaced { path, reason: "the pack is too large" });
        }
    }
    Ok(())
}

/// Names and paths inside a folder, by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, ShelfError> {
    let unreadable = |source| ShelfError::Unreadable { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if name.starts_with('.') => {}
            Some(name) => found.push((name.to_owned(), path)),
            None => return Err(ShelfError::Misplaced { path, reason: "its name is not text" }),
        }
    }
    found.sort();
    Ok(found)
}
