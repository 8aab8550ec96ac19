//! The pack that is measured, from the folder that ships.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use assessment::{Pack, PackFiles, load_pack};

use crate::policy::Policy;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/policy/packs/cn-instalment");

/// The pack as Leeway loads it, and its rules for the others.
pub fn load() -> anyhow::Result<(Pack, Policy)> {
    let mut files = PackFiles(BTreeMap::new());
    read(Path::new(FOLDER), "", &mut files)?;
    let pack = load_pack(&files).map_err(|errors| anyhow!("the pack is refused: {errors}"))?;
    let policy = Policy::read(&files, &pack)?;
    Ok((pack, policy))
}

fn read(folder: &Path, prefix: &str, files: &mut PackFiles) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| anyhow!("{name:?} is no text"))?;
        let path = entry.path();
        if path.is_dir() {
            read(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            files.0.insert(format!("{prefix}{name}"), fs::read(&path)?);
        }
    }
    Ok(())
}
