//! A sound cluster, and what each rule says when one thing in it is wrong.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::rules;

const SETTINGS: &str = r#"
[policy]
listen = "0.0.0.0:7402"
probe_listen = "0.0.0.0:7502"
trusted_network = true
drain_notice_ms = 5000
drain_timeout_ms = 15000
[policy_client]
endpoint = "http://leeway-policy:7402"
[notification_client]
endpoint = "http://leeway-policy:7402"
"#;

/// Shorthand of the rows below.
const PLACES: [(&str, &str); 2] =
    [("POD", "/0/spec/template/spec"), ("CONTAINER", "/0/spec/template/spec/containers/0")];

/// One service with everything around it; the numbers of the objects are those of the rows below.
fn sound() -> Value {
    let named = |name: &str| json!({ "name": name, "namespace": "leeway" });
    let labels = json!({ "app": "policy" });
    let probe = json!({ "httpGet": { "path": "/livez", "port": "probe" } });
    let container = json!({
        "name": "leeway",
        "image": format!("leeway@sha256:{}", "0".repeat(64)),
        "args": ["serve", "policy", "--config", "/etc/leeway/leeway.toml"],
        "env": [{ "name": "LEEWAY_DATABASES__POLICY__URL",
                  "valueFrom": { "secretKeyRef": { "name": "databases", "key": "policy-url" } } }],
        "ports": [{ "name": "grpc", "containerPort": 7402 }, { "name": "probe", "containerPort": 7502 }],
        "startupProbe": probe, "livenessProbe": probe, "readinessProbe": probe,
        "resources": { "requests": { "cpu": "250m", "memory": "256Mi" }, "limits": { "cpu": 1, "memory": "1Gi" } },
        "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                             "capabilities": { "drop": ["ALL"] } },
        "volumeMounts": [{ "name": "config", "mountPath": "/etc/leeway" }, { "name": "data", "mountPath": "/data" }],
    });
    let pod = json!({
        "serviceAccountName": "leeway", "automountServiceAccountToken": false, "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 40,
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "topologySpreadConstraints": [{ "labelSelector": { "matchLabels": labels } }],
        "containers": [container],
        "volumes": [{ "name": "config", "configMap": { "name": "config-h4sh" } },
                    { "name": "data", "persistentVolumeClaim": { "claimName": "documents" } }],
    });
    let spec = json!({
        "replicas": 3, "strategy": { "rollingUpdate": { "maxUnavailable": 0 } },
        "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pod },
    });
    let from = json!([{ "namespaceSelector": { "matchLabels": { "callers": "true" } }, "podSelector": {} },
                      { "podSelector": { "matchLabels": labels } }]);
    let ingress = json!([{ "from": from, "ports": [{ "port": "grpc" }] },
                         { "from": [{ "namespaceSelector": {} }], "ports": [{ "port": "probe" }] }]);
    let network = json!({ "podSelector": { "matchLabels": labels }, "policyTypes": ["Ingress"], "ingress": ingress,
                          "egress": [{ "to": [{ "podSelector": { "matchLabels": labels } }],
                                       "ports": [{ "port": "grpc" }] }] });
    json!([
        { "kind": "Deployment", "metadata": named("leeway-policy"), "spec": spec },
        { "kind": "Service", "metadata": named("leeway-policy"),
          "spec": { "selector": labels, "ports": [{ "port": 7402, "targetPort": "grpc" }] } },
        { "kind": "ConfigMap", "metadata": named("config-h4sh"), "data": { "leeway.toml": SETTINGS } },
        { "kind": "PersistentVolumeClaim", "metadata": named("documents"),
          "spec": { "accessModes": ["ReadWriteMany"] } },
        { "kind": "PodDisruptionBudget", "metadata": named("leeway-policy"),
          "spec": { "selector": { "matchLabels": labels } } },
        { "kind": "NetworkPolicy", "metadata": named("leeway-policy"), "spec": network },
        { "kind": "ServiceAccount", "metadata": named("leeway") },
    ])
}

fn faults(objects: Value) -> Vec<String> {
    let secret = json!({ "kind": "Secret", "metadata": { "name": "databases", "namespace": "leeway" },
                         "stringData": { "policy-url": "postgres://" } });
    let cluster = Cluster::new(serde_json::from_value(objects).unwrap(), vec![secret]);
    let all = rules::ALL.iter().chain(&rules::PRODUCTION);
    all.flat_map(|(rule, check)| check(&cluster).into_iter().map(move |fault| format!("{rule}: {fault}")))
        .collect()
}

#[test]
fn a_sound_cluster_has_no_fault() {
    assert_eq!(faults(sound()), Vec::<String>::new());
}

/// Puts a value at a path, or takes away what is there.
fn change(objects: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match objects.pointer_mut(parent).unwrap_or_else(|| panic!("no `{parent}`")) {
        Value::Array(items) if value.is_null() => drop(items.remove(key.parse().unwrap())),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        Value::Object(fields) if value.is_null() => assert!(fields.remove(key).is_some(), "no `{pointer}`"),
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        other => panic!("`{parent}` is {other}"),
    }
}

#[test]
fn whatever_is_broken_is_found() {
    let rows = include_str!("broken.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    for row in rows {
        let [place, value, expected] = row.split(" | ").collect::<Vec<_>>()[..] else { panic!("`{row}`") };
        let place =
            PLACES.iter().fold(place.to_owned(), |place, (short, long)| place.replacen(short, long, 1));
        let value = match (value, value.split_once(" => ")) {
            ("-", _) => Value::Null,
            (_, Some((from, to))) => {
                assert!(SETTINGS.contains(from), "`{row}`");
                json!(SETTINGS.replacen(from, to, 1))
            }
            (json, None) => serde_json::from_str(json).unwrap_or_else(|error| panic!("`{row}`: {error}")),
        };
        let mut objects = sound();
        change(&mut objects, &place, value);
        let found = faults(objects);
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "`{row}`: {found:#?}");
        count += 1;
    }
    assert!(count >= 60, "{count} rows");
}

#[test]
fn two_workloads_with_the_same_labels_are_found() {
    let mut objects = sound();
    let twin = objects.pointer("/0").cloned().unwrap();
    objects.as_array_mut().unwrap().push(twin);
    change(&mut objects, "/7/metadata/name", json!("leeway-twin"));
    let found = faults(objects);
    assert!(found.iter().any(|fault| fault.contains("takes the pods of another")), "{found:#?}");
}
