//! Packs as an administrator of the policy handles them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use api::leeway::policy::v1 as policy;

use crate::Stage;
use crate::make::{day, request_id};

/// Publishes and proposes.
pub const ANN: &str = "policy_admin:ann";
/// Confirms.
pub const BO: &str = "policy_admin:bo";
/// The pack of loans that name none.
pub const PACK: &str = "cn-instalment";

/// Content of the default pack under another version.
pub fn pack_files(version: &str) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/policy/packs").join(PACK);
    let mut files = BTreeMap::new();
    read(&folder, "", &mut files)?;
    let head = String::from_utf8(files.remove("pack.toml").context("a pack without a head")?)?;
    let (before, after) = head.split_once("version = \"").context("a head without a version")?;
    let (_, after) = after.split_once('"').context("a version without an end")?;
    files.insert("pack.toml".to_owned(), format!("{before}version = \"{version}\"{after}").into_bytes());
    Ok(files)
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name that is not text")?;
        if path.is_dir() {
            read(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            files.insert(format!("{prefix}{name}"), fs::read(&path)?);
        }
    }
    Ok(())
}

/// A proposal of a pack from a day on.
pub fn proposal(pack: &policy::PackHead, from: &str) -> policy::ProposeActivationRequest {
    policy::ProposeActivationRequest {
        request_id: request_id(),
        pack_name: pack.name.clone(),
        digest: pack.digest.clone(),
        effective_from_date: Some(day(from)),
        shadow_share: String::new(),
        note: "as decided".to_owned(),
    }
}

impl Stage {
    /// Ann publishes the default pack under another version.
    pub async fn publish(&self, version: &str) -> anyhow::Result<policy::PackHead> {
        let request = policy::PublishPackRequest { request_id: request_id(), files: pack_files(version)? };
        let answer = self.policy(ANN)?.publish_pack(request).await?.into_inner();
        answer.pack.context("an answer without the pack")
    }

    /// Ann proposes.
    pub async fn propose(
        &self,
        request: policy::ProposeActivationRequest,
    ) -> anyhow::Result<policy::Activation> {
        let answer = self.policy(ANN)?.propose_activation(request).await?.into_inner();
        answer.activation.context("an answer without the activation")
    }

    /// Bo confirms.
    pub async fn confirm(&self, activation_id: &str) -> anyhow::Result<policy::Activation> {
        let request = policy::ConfirmActivationRequest {
            request_id: request_id(),
            activation_id: activation_id.to_owned(),
        };
        let answer = self.policy(BO)?.confirm_activation(request).await?.into_inner();
        answer.activation.context("an answer without the activation")
    }

    /// A stored decision with its proof.
    pub async fn decision(&self, decision_id: &str) -> anyhow::Result<policy::GetDecisionResponse> {
        let request = policy::GetDecisionRequest { decision_id: decision_id.to_owned() };
        Ok(self.policy("auditor:wu")?.get_decision(request).await?.into_inner())
    }
}
