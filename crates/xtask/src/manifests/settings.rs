//! Manifests against the settings that the pods mount.

use serde_json::{Value, json};

use super::cluster::{Cluster, Faults, Workload, list, place, selects, text};

/// Milliseconds a process has beyond its drain to say its last words, close its database and end.
const LAST_WORDS_MS: i64 = 5_000;

/// Ports, times and neighbours as settings and manifests state them.
pub fn agree(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    for workload in cluster.workloads() {
        let place = place(workload.object());
        let settings = match workload.settings(cluster) {
            Ok(settings) => settings,
            Err(error) => {
                faults.push(format!("{place}: {error:#}"));
                continue;
            }
        };
        faults.extend(neighbours(cluster, &workload, &settings));
        let Some(service) = workload.serves() else { continue };
        let Some(own) = settings.get(service).and_then(toml::Value::as_table) else {
            faults.push(format!("{place}: the settings say nothing of `{service}`"));
            continue;
        };
        faults.extend(addresses(&workload, own));
        let millis = |key: &str| own.get(key).and_then(toml::Value::as_integer);
        let drain = millis("drain_notice_ms").zip(millis("drain_timeout_ms"));
        let grace = workload.pod().pointer("/terminationGracePeriodSeconds").and_then(Value::as_i64);
        let in_time = drain
            .zip(grace)
            .is_some_and(|((notice, timeout), grace)| grace * 1_000 >= notice + timeout + LAST_WORDS_MS);
        if !in_time {
            faults.push(format!(
                "{place}: killed before its drain can end: grace {grace:?} s, drain {drain:?} ms"
            ));
        }
    }
    faults
}

/// The service listens on every address, on the ports that its pod declares.
fn addresses(workload: &Workload<'_>, own: &toml::Table) -> Faults {
    let mut faults = Faults::new();
    for (key, name) in [("listen", "grpc"), ("probe_listen", "probe")] {
        let stated = own.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let port = stated.strip_prefix("0.0.0.0:").and_then(|port| port.parse::<u16>().ok());
        let ports = workload.containers().flat_map(|container| list(container, "/ports"));
        let declared = ports.into_iter().find(|own| text(own, "/name") == name);
        let declared = declared.and_then(|own| own.get("containerPort")).and_then(Value::as_u64);
        if port.is_none() || port.map(u64::from) != declared {
            let place = place(workload.object());
            faults.push(format!("{place}: port `{name}` is {declared:?}, {key} is `{stated}`"));
        }
    }
    faults
}

/// Whom the settings name as `http://SERVICE:PORT` is a Service with that port.
fn neighbours(cluster: &Cluster, workload: &Workload<'_>, settings: &toml::Table) -> Faults {
    let mut faults = Faults::new();
    for client in ["policy_client", "notification_client"] {
        let endpoint = settings.get(client).and_then(|c| c.get("endpoint")).and_then(toml::Value::as_str);
        let stated = endpoint.unwrap_or_default();
        let split = stated.strip_prefix("http://").and_then(|address| address.split_once(':'));
        let service = split.and_then(|(name, _)| cluster.find("Service", workload.object(), name));
        let port = split.and_then(|(_, port)| port.parse::<u16>().ok());
        let there = service.is_some_and(|service| {
            list(service, "/spec/ports").iter().any(|own| own.get("port") == Some(&json!(port)))
        });
        if !there {
            faults.push(format!(
                "{}: {client} names `{stated}`, which no Service is",
                place(workload.object())
            ));
        }
    }
    faults
}

/// While callers name themselves, only policies tell strangers from staff: each pod that listens to the network has
/// one that keeps everybody out, and no policy lets in whom it doesn't name.
pub fn network(cluster: &Cluster) -> Faults {
    let mut faults = Faults::new();
    let policies = || cluster.of_kind("NetworkPolicy");
    for workload in cluster.workloads().filter(|workload| workload.serves().is_some()) {
        let place = place(workload.object());
        let about = policies().filter(|policy| {
            let selector = policy.pointer("/spec/podSelector").unwrap_or(&Value::Null);
            selects(selector, workload.labels())
        });
        if !about.into_iter().any(|policy| list(policy, "/spec/policyTypes").contains(&json!("Ingress"))) {
            faults.push(format!("{place}: no NetworkPolicy keeps anybody from its ports"));
        }
        let settings = workload.settings(cluster).unwrap_or_default();
        let own = workload.serves().and_then(|service| settings.get(service));
        if own.and_then(|own| own.get("trusted_network")) != Some(&toml::Value::Boolean(true)) {
            faults.push(format!("{place}: without `trusted_network` it refuses to start on a pod's address"));
        }
    }
    for policy in policies() {
        for rule in list(policy, "/spec/ingress") {
            let from = list(rule, "/from");
            // A namespace alone is everybody in it; that is enough for metrics and for nothing else.
            let named = |peer: &Value| {
                peer.get("podSelector").is_some()
                    || list(rule, "/ports").iter().all(|p| text(p, "/port") == "probe")
            };
            if from.is_empty() || list(rule, "/ports").is_empty() || !from.iter().all(named) {
                faults.push(format!("{}: it lets in callers or ports that it doesn't name", place(policy)));
            }
        }
        faults.extend(named_ports(cluster, policy));
    }
    faults
}

/// Ports by name exist on the pods that a policy guards, or that it lets be called.
fn named_ports(cluster: &Cluster, policy: &Value) -> Faults {
    let namespace = text(policy, "/metadata/namespace");
    let guarded = policy.pointer("/spec/podSelector").unwrap_or(&Value::Null);
    let mut faults = Faults::new();
    let mut check = |selector: &Value, rule: &Value| {
        for port in
            list(rule, "/ports").iter().filter_map(|port| port.get("port")).filter(|port| port.is_string())
        {
            if !cluster.selected(namespace, selector).iter().all(|workload| workload.has_port(port)) {
                faults.push(format!("{}: its pods have no port {port}", place(policy)));
            }
        }
    };
    for rule in list(policy, "/spec/ingress") {
        check(guarded, rule);
    }
    for rule in list(policy, "/spec/egress") {
        for peer in list(rule, "/to").iter().filter_map(|peer| peer.get("podSelector")) {
            check(peer, rule);
        }
    }
    faults
}
