//! Rendered manifests, as JSON, and what the rules ask of them.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

/// Everything one installation consists of.
pub struct Cluster {
    objects: Vec<Value>,
    /// Objects that the installation must bring along, such as secrets.
    external: Vec<Value>,
}

/// Something that runs pods.
#[derive(Clone, Copy)]
pub struct Workload<'a> {
    object: &'a Value,
    template: &'a Value,
}

/// A place in the manifests and what is wrong there.
pub type Faults = Vec<String>;

impl Cluster {
    pub fn new(objects: Vec<Value>, external: Vec<Value>) -> Self {
        Self { objects, external }
    }

    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| text(object, "/kind") == kind)
    }

    /// Whatever has a pod template: Deployments and Jobs here.
    pub fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
        self.objects.iter().filter_map(|object| {
            let template = object.pointer("/spec/template")?;
            Some(Workload { object, template })
        })
    }

    /// Workloads whose pods a LabelSelector takes, within a namespace.
    pub fn selected<'a>(&'a self, namespace: &'a str, selector: &'a Value) -> Vec<Workload<'a>> {
        let here =
            self.workloads().filter(|workload| text(workload.object, "/metadata/namespace") == namespace);
        here.filter(|workload| selects(selector, workload.labels())).collect()
    }

    /// An object of the same namespace, ours or one that is declared external.
    pub fn find(&self, kind: &str, like: &Value, name: &str) -> Option<&Value> {
        let namespace = text(like, "/metadata/namespace");
        self.objects.iter().chain(&self.external).find(|object| {
            text(object, "/kind") == kind
                && text(object, "/metadata/name") == name
                && text(object, "/metadata/namespace") == namespace
        })
    }
}

impl<'a> Workload<'a> {
    pub fn object(&self) -> &'a Value {
        self.object
    }

    pub fn labels(&self) -> &'a Value {
        self.template.pointer("/metadata/labels").unwrap_or(&Value::Null)
    }

    /// The pod's spec.
    pub fn pod(&self) -> &'a Value {
        self.template.pointer("/spec").unwrap_or(&Value::Null)
    }

    pub fn containers(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let pod = self.pod();
        list(pod, "/initContainers").iter().chain(list(pod, "/containers"))
    }

    /// Whether some container has the port, by name or number.
    pub fn has_port(&self, port: &Value) -> bool {
        let mut ports = self.containers().flat_map(|container| list(container, "/ports"));
        ports.any(|own| own.get("name") == Some(port) || own.get("containerPort") == Some(port))
    }

    /// The service it runs (`leeway serve SERVICE`), if it does.
    pub fn serves(&self) -> Option<&'a str> {
        let arguments = self.containers().find_map(|container| container.pointer("/args"))?;
        (text(arguments, "/0") == "serve").then(|| text(arguments, "/1"))
    }

    /// The settings that the pod mounts: the file its `--config` names, in a ConfigMap of ours.
    pub fn settings(&self, cluster: &'a Cluster) -> Result<toml::Table> {
        let container = self.containers().next().context("no container")?;
        let arguments = list(container, "/args");
        let at = arguments.iter().position(|argument| argument == "--config").context("no `--config`")?;
        let path = arguments.get(at + 1).and_then(Value::as_str).context("no file after `--config`")?;
        let mut mounts = list(container, "/volumeMounts").iter();
        let (mount, file) = mounts
            .find_map(|mount| Some((mount, path.strip_prefix(text(mount, "/mountPath"))?.strip_prefix('/')?)))
            .with_context(|| format!("`{path}` lies in no mounted volume"))?;
        let mut volumes = list(self.pod(), "/volumes").iter();
        let volume = volumes.find(|volume| volume.get("name") == mount.get("name")).context("no volume")?;
        let name = text(volume, "/configMap/name");
        let map = cluster.find("ConfigMap", self.object, name);
        let data = map.and_then(|map| map.get("data")).with_context(|| format!("no ConfigMap `{name}`"))?;
        let content = data.get(file).and_then(Value::as_str);
        let content = content.with_context(|| format!("ConfigMap `{name}` has no `{file}`"))?;
        content.parse().with_context(|| format!("`{file}` is not TOML"))
    }
}

/// How an object is named in a fault.
pub fn place(object: &Value) -> String {
    format!("{}/{}", text(object, "/kind").to_lowercase(), text(object, "/metadata/name"))
}

/// A text by its path; empty where there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list by its path; empty where there is none.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub fn map<'a>(value: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    value.pointer(pointer).and_then(Value::as_object)
}

/// Whether a LabelSelector takes these labels. Expressions are not used here, and would take nothing.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    if selector.get("matchExpressions").is_some() {
        return false;
    }
    map(selector, "/matchLabels").into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
}
