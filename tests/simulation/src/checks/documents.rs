//! Documents that borrowers sent.

use sha2::{Digest as _, Sha256};

use super::Evidence;
use crate::hosts::Role;

/// The bytes of every document that was received are there, and are those that were announced.
pub fn are_there(evidence: &Evidence<'_>) -> anyhow::Result<()> {
    for (key, document) in evidence.all::<serde_json::Value>(Role::Application, "evidence")? {
        let state = document.get("state").and_then(|state| state.as_str()).unwrap_or_default();
        if state == "INCOMPLETE" || state == "incomplete" {
            continue;
        }
        let path = evidence.town.documents.path().join(hex::encode(Sha256::digest(key.as_bytes())));
        let content = std::fs::read(path).unwrap_or_default();
        let announced = document.get("sha256").and_then(|hash| hash.as_str()).unwrap_or_default();
        if hex::encode(Sha256::digest(&content)) != announced {
            let bytes = content.len();
            evidence.breach(format!("document {key} is `{state}`, and its {bytes} bytes are others"));
        }
        evidence.record.count("documents");
    }
    Ok(())
}
