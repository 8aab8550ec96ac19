//! The Kubernetes manifests: rendered by kustomize, held against the schemas, then against rules of our own.

mod cluster;
mod rules;
mod settings;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use self::cluster::Cluster;
use self::rules::Rule;
use crate::tools::{PythonTools, Workspace};

/// Version of Kubernetes whose schemas must be met.
const KUBERNETES: &str = "1.37";
/// What an installation brings along is shown in files that end so.
const EXAMPLE: &str = ".example.yaml";
/// Reads YAML documents, writes a JSON list.
const TO_JSON: &str = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";

/// Checks base and overlays; all that is wrong is printed.
pub fn check(workspace: &Workspace) -> Result<()> {
    let tools = PythonTools::install(workspace)?;
    let folder = workspace.root.join("deploy/kubernetes");
    let scratch = workspace.root.join(".xtask/manifests");
    fs::create_dir_all(&scratch)?;
    let external = examples(&tools, &folder)?;
    let mut faults = 0;
    let installations: [(&str, &[(&str, Rule)]); 3] =
        [("base", &[]), ("overlays/single", &[]), ("overlays/production", &rules::PRODUCTION)];
    for (name, further) in installations {
        let rendered = kustomize(&tools, &folder.join(name))?;
        let file = scratch.join(format!("{}.yaml", name.replace('/', "-")));
        fs::write(&file, &rendered)?;
        validate(&tools, &file)?;
        let cluster = Cluster::new(to_json(&tools, &file)?, external.clone());
        faults += told(name, &cluster, rules::ALL.iter().chain(further));
    }
    ensure!(faults == 0, "{faults} faults in the manifests");
    Ok(())
}

fn told<'a>(name: &str, cluster: &Cluster, rules: impl Iterator<Item = &'a (&'static str, Rule)>) -> usize {
    let mut faults = 0;
    let mut held = Vec::new();
    for (rule, check) in rules {
        let found = check(cluster);
        found.iter().for_each(|fault| println!("{name}: {rule}: {fault}"));
        faults += found.len();
        held.push(*rule);
    }
    println!("{name}: {} workloads, rules: {}", cluster.workloads().count(), held.join(", "));
    faults
}

fn kustomize(tools: &PythonTools, folder: &Path) -> Result<Vec<u8>> {
    answer(Command::new(tools.kubectl()).arg("kustomize").arg(folder))
}

fn validate(tools: &PythonTools, file: &Path) -> Result<()> {
    let arguments = ["--strict", "--quiet", "-k", KUBERNETES];
    answer(Command::new(tools.kubernetes_validate()).args(arguments).arg(file)).map(drop)
}

/// Objects that are not ours to make, as their examples show them.
fn examples(tools: &PythonTools, folder: &Path) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(EXAMPLE) {
            validate(tools, &path)?;
            objects.extend(to_json(tools, &path)?);
        }
    }
    Ok(objects)
}

fn to_json(tools: &PythonTools, file: &Path) -> Result<Vec<Value>> {
    let mut command = Command::new(tools.python());
    command.args(["-c", TO_JSON]).stdin(fs::File::open(file)?);
    serde_json::from_slice(&answer(&mut command)?).context("the manifests are no list of objects")
}

/// What a command prints; its failure is an error that holds what it complained of.
fn answer(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("{command:?} could not be started"))?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} failed:\n{said}");
    Ok(output.stdout)
}
