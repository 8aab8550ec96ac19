//! What a schema can't tell: names, ports, mounts and limits that must fit each other.

use serde_json::{Value, json};

use super::cluster::{Cluster, Faults, Workload, list, map, place, selects, text};

pub type Rule = fn(&Cluster) -> Faults;

/// Rules for every installation.
pub const ALL: [(&str, Rule); 8] = [
    ("selectors", selectors),
    ("ports", ports),
    ("volumes", volumes),
    ("references", references),
    ("resources", resources),
    ("locked down", locked_down),
    ("settings", super::settings::agree),
    ("network", super::settings::network),
];

/// Further ones for the overlay that people put into production.
pub const PRODUCTION: [(&str, Rule); 2] = [("pinned", pinned), ("replicas", replicas)];

fn selectors(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for workload in cluster.workloads() {
        let object = workload.object();
        let own = object.pointer("/spec/selector");
        if own.is_some_and(|selector| !selects(selector, workload.labels())) {
            faults.push(format!("{}: its selector doesn't match its own pods", place(object)));
        }
        if let Some(own) = own
            && cluster.selected(text(object, "/metadata/namespace"), own).len() > 1
        {
            faults.push(format!("{}: its selector takes the pods of another one too", place(object)));
        }
        for spread in list(workload.pod(), "/topologySpreadConstraints") {
            let selector = spread.get("labelSelector").unwrap_or(&Value::Null);
            if map(selector, "/matchLabels").is_none() || !selects(selector, workload.labels()) {
                faults.push(format!("{}: pods are spread by labels that they don't have", place(object)));
            }
        }
    }
    for (kind, pointer) in [
        ("Service", "/spec/selector"),
        ("PodDisruptionBudget", "/spec/selector"),
        ("NetworkPolicy", "/spec/podSelector"),
    ] {
        for object in cluster.of_kind(kind) {
            let selector = selector_of(object, pointer);
            if cluster.selected(text(object, "/metadata/namespace"), &selector).is_empty() {
                faults.push(format!("{}: its selector matches no pod", place(object)));
            }
        }
    }
    faults.extend(peers(cluster));
    faults
}

/// Pods of our own namespace that a network policy names.
fn peers(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for policy in cluster.of_kind("NetworkPolicy") {
        let ingress = list(policy, "/spec/ingress").iter().flat_map(|rule| list(rule, "/from"));
        let egress = list(policy, "/spec/egress").iter().flat_map(|rule| list(rule, "/to"));
        for peer in ingress.chain(egress).filter(|peer| peer.get("namespaceSelector").is_none()) {
            let Some(selector) = peer.get("podSelector") else { continue };
            if cluster.selected(text(policy, "/metadata/namespace"), selector).is_empty() {
                faults.push(format!("{}: a peer matches no pod", place(policy)));
            }
        }
    }
    faults
}

fn ports(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for service in cluster.of_kind("Service") {
        let selector = selector_of(service, "/spec/selector");
        for workload in cluster.selected(text(service, "/metadata/namespace"), &selector) {
            for port in list(service, "/spec/ports") {
                let target = port.get("targetPort").or(port.get("port")).unwrap_or(&Value::Null);
                if !workload.has_port(target) {
                    let pod = place(workload.object());
                    faults.push(format!("{}: {pod} has no port {target}", place(service)));
                }
            }
        }
    }
    for workload in cluster.workloads() {
        for container in workload.containers() {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                let port = container.pointer(&format!("/{probe}/httpGet/port"));
                match port {
                    Some(port) if !own_port(container, port) => {
                        let place = place(workload.object());
                        faults.push(format!("{place}: {probe} asks port {port}, which isn't there"));
                    }
                    None if workload.serves().is_some() => {
                        faults.push(format!("{}: no {probe}", place(workload.object())));
                    }
                    _ => {}
                }
            }
        }
    }
    faults
}

fn own_port(container: &Value, port: &Value) -> bool {
    list(container, "/ports")
        .iter()
        .any(|own| own.get("name") == Some(port) || own.get("containerPort") == Some(port))
}

fn volumes(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for workload in cluster.workloads() {
        let place = place(workload.object());
        let volumes = list(workload.pod(), "/volumes");
        let mounts: Vec<&Value> =
            workload.containers().flat_map(|container| list(container, "/volumeMounts")).collect();
        for mount in &mounts {
            if !volumes.iter().any(|volume| volume.get("name") == mount.get("name")) {
                faults.push(format!("{place}: no volume `{}` to mount", text(mount, "/name")));
            }
        }
        for volume in volumes {
            let name = text(volume, "/name");
            if !mounts.iter().any(|mount| mount.get("name") == volume.get("name")) {
                faults.push(format!("{place}: volume `{name}` is mounted nowhere"));
            }
            let Some(claim) = volume.pointer("/persistentVolumeClaim/claimName") else { continue };
            let claim = claim.as_str().unwrap_or_default();
            let Some(found) = cluster.find("PersistentVolumeClaim", workload.object(), claim) else {
                faults.push(format!("{place}: no claim `{claim}`"));
                continue;
            };
            // While pods are replaced, two of them run, also of one replica.
            let shared = list(found, "/spec/accessModes").contains(&json!("ReadWriteMany"));
            if !shared && text(workload.object(), "/spec/strategy/type") != "Recreate" {
                faults.push(format!(
                    "{place}: several pods use claim `{claim}`, which one node alone may mount"
                ));
            }
        }
    }
    faults
}

/// ConfigMaps, Secrets and accounts by name, and their keys.
fn references(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for workload in cluster.workloads() {
        let (object, pod) = (workload.object(), workload.pod());
        let mut wanted: Vec<(&str, &str, Option<&str>)> = Vec::new();
        for volume in list(pod, "/volumes") {
            for (kind, pointer) in [("ConfigMap", "/configMap/name"), ("Secret", "/secret/secretName")] {
                wanted.extend(volume.pointer(pointer).and_then(Value::as_str).map(|name| (kind, name, None)));
            }
        }
        for variable in workload.containers().flat_map(|container| list(container, "/env")) {
            for (kind, pointer) in
                [("ConfigMap", "/valueFrom/configMapKeyRef"), ("Secret", "/valueFrom/secretKeyRef")]
            {
                let reference = variable.pointer(pointer);
                wanted.extend(reference.map(|r| (kind, text(r, "/name"), Some(text(r, "/key")))));
            }
            if text(variable, "/name").ends_with("__URL") && variable.get("valueFrom").is_none() {
                faults.push(format!("{}: a database's URL, with its password, in the open", place(object)));
            }
        }
        wanted.push(("ServiceAccount", text(pod, "/serviceAccountName"), None));
        for (kind, name, key) in wanted {
            let Some(found) = cluster.find(kind, object, name) else {
                faults.push(format!("{}: no {kind} `{name}`", place(object)));
                continue;
            };
            let has = |key: &str| {
                ["data", "stringData"].iter().any(|d| found.pointer(&format!("/{d}/{key}")).is_some())
            };
            if let Some(key) = key.filter(|key| !has(key)) {
                faults.push(format!("{}: {kind} `{name}` has no key `{key}`", place(object)));
            }
        }
    }
    faults
}

fn resources(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for workload in cluster.workloads() {
        for container in workload.containers() {
            for resource in ["cpu", "memory"] {
                let amount = |side: &str| {
                    let stated = container.pointer(&format!("/resources/{side}/{resource}"));
                    stated.and_then(quantity)
                };
                let fault = match (amount("requests"), amount("limits")) {
                    (Some(request), Some(limit)) if request <= limit => continue,
                    (Some(_), Some(_)) => "more requested than the limit gives",
                    _ => "no request or no limit that can be read",
                };
                faults.push(format!("{}: {resource}: {fault}", place(workload.object())));
            }
        }
    }
    faults
}

/// Thousandths of a unit: `250m` is 250, `1` is 1000, `1Ki` is 1024000.
fn quantity(stated: &Value) -> Option<u128> {
    let stated = stated.as_str().map_or_else(|| stated.to_string(), str::to_owned);
    let digits = stated.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match stated.get(digits.len()..)? {
        "m" => 1,
        "" => 1_000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "Ki" => 1_000 << 10,
        "Mi" => 1_000 << 20,
        "Gi" => 1_000 << 30,
        _ => return None,
    };
    Some(digits.parse::<u128>().ok()? * factor)
}

fn locked_down(cluster: &Cluster) -> Faults {
    let pod = [
        ("/automountServiceAccountToken", json!(false)),
        ("/enableServiceLinks", json!(false)),
        ("/securityContext/runAsNonRoot", json!(true)),
        ("/securityContext/seccompProfile/type", json!("RuntimeDefault")),
    ];
    let container = [
        ("/securityContext/allowPrivilegeEscalation", json!(false)),
        ("/securityContext/readOnlyRootFilesystem", json!(true)),
        ("/securityContext/capabilities/drop", json!(["ALL"])),
    ];
    let mut faults = Faults::new();
    for workload in cluster.workloads() {
        let place = place(workload.object());
        let mut must = |value: &Value, wanted: &[(&str, Value)]| {
            for (pointer, expected) in wanted {
                if value.pointer(pointer) != Some(expected) {
                    faults.push(format!("{place}: {pointer} must be {expected}"));
                }
            }
        };
        must(workload.pod(), &pod);
        workload.containers().for_each(|own| must(own, &container));
        faults.extend(loosened(&workload, &place));
    }
    faults
}

/// What opens the pod again, whatever else is set.
fn loosened(workload: &Workload<'_>, place: &str) -> Faults {
    let of_pod = ["/hostNetwork", "/hostPID", "/hostIPC"].map(|pointer| workload.pod().pointer(pointer));
    let of_containers = workload.containers().flat_map(|container| {
        let context = container.pointer("/securityContext");
        ["/privileged", "/capabilities/add"].map(|pointer| context.and_then(|c| c.pointer(pointer)))
    });
    let set = of_pod.into_iter().chain(of_containers).flatten().filter(|value| **value != json!(false));
    set.map(|value| format!("{place}: opened again by {value}")).collect()
}

fn pinned(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for workload in cluster.workloads() {
        for image in workload.containers().map(|container| text(container, "/image")) {
            let digest = image.split_once("@sha256:").map(|(_, digest)| digest).unwrap_or_default();
            if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                faults.push(format!("{}: image `{image}` is not named by digest", place(workload.object())));
            }
        }
    }
    faults
}

fn replicas(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for deployment in cluster.of_kind("Deployment") {
        let place = place(deployment);
        if deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1) < 3 {
            faults.push(format!("{place}: fewer than three replicas"));
        }
        if deployment.pointer("/spec/strategy/rollingUpdate/maxUnavailable") != Some(&json!(0)) {
            faults.push(format!("{place}: an update takes replicas away before new ones are there"));
        }
        let budgets = cluster.of_kind("PodDisruptionBudget");
        let labels = deployment.pointer("/spec/template/metadata/labels").unwrap_or(&Value::Null);
        if !budgets.into_iter().any(|budget| selects(&selector_of(budget, "/spec/selector"), labels)) {
            faults.push(format!("{place}: no PodDisruptionBudget"));
        }
    }
    faults
}

/// A selector by its path. A Service states labels where others state a LabelSelector.
pub fn selector_of(object: &Value, pointer: &str) -> Value {
    let stated = object.pointer(pointer).cloned().unwrap_or_default();
    if text(object, "/kind") == "Service" { json!({ "matchLabels": stated }) } else { stated }
}
