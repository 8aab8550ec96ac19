//! Configuration: defaults, a TOML file, the environment, then overrides of the command line; the last one wins.

mod settings;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) use self::settings::millis;
pub use self::settings::{ClientConfig, LogFormat, ServerConfig, TelemetryConfig};

/// Exit code of a process that can't read its configuration (`EX_USAGE`).
pub const EXIT_CONFIG: i32 = 64;
/// Environment variables start with it; `__` separates levels: `LEEWAY_SERVER__LISTEN`.
pub const ENV_PREFIX: &str = "LEEWAY_";
/// Largest file that is read, bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The configuration can't be used. Messages name key and origin.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file `{}` can't be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the configuration file `{}` is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("the configuration file `{}` is not TOML", path.display())]
    NotToml {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("`{key}` from {origin} is not a setting{}", hint(nearest.as_deref()))]
    UnknownKey { key: String, origin: String, nearest: Option<String> },
    #[error("`{key}` from {origin}: {message}")]
    BadValue { key: String, origin: String, message: String },
    #[error("the settings don't fit together: {message}")]
    Inconsistent { message: String },
}

/// Loads settings: `T::default()`, the file, variables of the process environment, overrides (`server.listen`, value).
pub fn load<T>(
    file: Option<&Path>,
    env_prefix: &str,
    overrides: Vec<(String, String)>,
) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Serialize + Default,
{
    let environment =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    load_from(file, &Environment { prefix: env_prefix, variables: environment.collect() }, overrides)
}

/// The environment that [`load_from`] reads, so that tests bring their own.
#[derive(Debug, Clone, Default)]
pub struct Environment<'a> {
    pub prefix: &'a str,
    pub variables: BTreeMap<String, String>,
}

/// [`load`] with a given environment.
pub fn load_from<T>(
    file: Option<&Path>,
    environment: &Environment<'_>,
    overrides: Vec<(String, String)>,
) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Serialize + Default,
{
    let defaults = serde_json::to_value(T::default())
        .map_err(|error| ConfigError::Inconsistent { message: error.to_string() })?;
    let mut tree = defaults.clone();
    let mut settings = Vec::new();
    if let Some(path) = file {
        settings.extend(read_file(path)?);
    }
    settings.extend(from_environment(environment));
    settings.extend(overrides.into_iter().map(|(key, text)| {
        let path = key.split('.').map(str::to_owned).collect();
        Setting { path, value: Given::Text(text), origin: "the command line".to_owned() }
    }));
    for setting in settings {
        let slot = known(&defaults, &setting)?;
        let value = read_value::<T>(&defaults, slot, &setting)?;
        put(&mut tree, &setting.path, value);
    }
    serde_json::from_value(tree).map_err(|error| ConfigError::Inconsistent { message: error.to_string() })
}

/// A value that somebody gave for a leaf.
struct Setting {
    path: Vec<String>,
    value: Given,
    origin: String,
}

enum Given {
    /// Of a file: it has a type.
    Typed(Value),
    /// Of environment or command line: its type is that of the setting.
    Text(String),
}

fn read_file(path: &Path) -> Result<Vec<Setting>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let not_toml =
        |source: toml::de::Error| ConfigError::NotToml { path: path.to_owned(), source: Box::new(source) };
    let table: Map<String, Value> = toml::from_str(&text).map_err(not_toml)?;
    let mut settings = Vec::new();
    leaves(&Value::Object(table), &mut Vec::new(), &format!("`{}`", path.display()), &mut settings);
    Ok(settings)
}

fn leaves(value: &Value, path: &mut Vec<String>, origin: &str, into: &mut Vec<Setting>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                path.push(name.clone());
                leaves(field, path, origin, into);
                path.pop();
            }
        }
        // An empty section says nothing, but its name must be known.
        Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => {
            if !path.is_empty() {
                into.push(Setting {
                    path: path.clone(),
                    value: Given::Typed(value.clone()),
                    origin: origin.to_owned(),
                });
            }
        }
    }
}

fn from_environment(environment: &Environment<'_>) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (name, text) in &environment.variables {
        if let Some(key) = name.strip_prefix(environment.prefix) {
            settings.push(Setting {
                path: key.split("__").map(str::to_lowercase).collect(),
                value: Given::Text(text.clone()),
                origin: format!("environment variable `{name}`"),
            });
        }
    }
    settings
}

/// The default in the place of a setting, or the refusal that names its nearest neighbour.
fn known<'a>(defaults: &'a Value, setting: &Setting) -> Result<&'a Value, ConfigError> {
    let mut at = defaults;
    for name in &setting.path {
        match at {
            Value::Object(fields) => match fields.get(name) {
                Some(field) => at = field,
                None if fields.is_empty() => return Ok(&Value::Null),
                None => return Err(unknown(defaults, setting)),
            },
            // Optional or free-form: what it holds is for the type to judge.
            Value::Null => return Ok(at),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(unknown(defaults, setting));
            }
        }
    }
    Ok(at)
}

fn unknown(defaults: &Value, setting: &Setting) -> ConfigError {
    let key = setting.path.join(".");
    let mut all = Vec::new();
    leaves(defaults, &mut Vec::new(), "", &mut all);
    let nearest = all
        .into_iter()
        .map(|leaf| leaf.path.join("."))
        .map(|name| (strsim::damerau_levenshtein(&name, &key), name))
        .min()
        .filter(|(distance, _)| *distance <= key.len().div_ceil(3))
        .map(|(_, name)| name);
    ConfigError::UnknownKey { key, origin: setting.origin.clone(), nearest }
}

/// Gives a text the type of its setting and tries the value alone, so that the refusal can name its key.
fn read_value<T: DeserializeOwned>(
    defaults: &Value,
    slot: &Value,
    setting: &Setting,
) -> Result<Value, ConfigError> {
    let candidates = match (&setting.value, slot) {
        (Given::Typed(value), _) => vec![value.clone()],
        (Given::Text(text), Value::String(_)) => vec![Value::String(text.clone())],
        // Of an optional setting the type isn't visible in its default: the reading that fits counts.
        (Given::Text(text), _) => {
            [parse(text), Some(Value::String(text.clone()))].into_iter().flatten().collect()
        }
    };
    let mut last = String::new();
    for candidate in candidates {
        let mut alone = defaults.clone();
        put(&mut alone, &setting.path, candidate.clone());
        match serde_json::from_value::<T>(alone) {
            Ok(_) => return Ok(candidate),
            Err(error) => last = error.to_string(),
        }
    }
    Err(ConfigError::BadValue { key: setting.path.join("."), origin: setting.origin.clone(), message: last })
}

/// A TOML value of a text: `true`, `12`, `["a"]`.
fn parse(text: &str) -> Option<Value> {
    let mut table: Map<String, Value> = toml::from_str(&format!("value = {text}")).ok()?;
    table.remove("value")
}

fn put(tree: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        if !matches!((&*tree, &value), (Value::Object(_), Value::Object(new)) if new.is_empty()) {
            *tree = value;
        }
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Value::Object(fields) = tree {
        put(fields.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Settings {
        server: ServerConfig,
        telemetry: TelemetryConfig,
        policy: ClientConfig,
        labels: BTreeMap<String, String>,
    }

    fn try_load(file: &str, env: &[(&str, &str)], cli: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leeway.toml");
        fs::write(&path, file).unwrap();
        let variables = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let overrides = cli.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load_from(Some(&path), &Environment { prefix: ENV_PREFIX, variables }, overrides)
    }

    #[test]
    fn the_last_one_wins() {
        let file =
            "[server]\nlisten = '127.0.0.1:1'\nmax_in_flight = 7\nreflection = false\n[labels]\nzone = 'a'\n";
        let env = [
            ("LEEWAY_SERVER__LISTEN", "127.0.0.1:2"),
            ("LEEWAY_TELEMETRY__SAMPLE_RATIO", "0.5"),
            ("PATH", "/"),
        ];
        let cli =
            [("server.listen", "127.0.0.1:3"), ("server.ready_file", "12"), ("policy.max_attempts", "9")];
        let settings = try_load(file, &env, &cli).unwrap();
        assert_eq!(settings.server.listen.port(), 3);
        assert_eq!(settings.server.max_in_flight, 7);
        assert!(!settings.server.reflection);
        assert_eq!(settings.server.ready_file.as_deref(), Some(Path::new("12")));
        assert_eq!(settings.policy.max_attempts, 9);
        assert_eq!(settings.labels.get("zone").map(String::as_str), Some("a"));
        assert_eq!(try_load("", &[], &[]).unwrap(), Settings::default());
    }

    #[test]
    fn refusals_name_key_origin_and_neighbour() {
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a [&'a str]);
        let rows: [Row<'_>; 7] = [
            (
                "[server]\nlisen = '127.0.0.1:1'\n",
                &[],
                &[],
                &["`server.lisen`", "leeway.toml", "`server.listen`"],
            ),
            ("[sever]\nlisten = '127.0.0.1:1'\n", &[], &[], &["`sever.listen`", "`server.listen`"]),
            (
                "",
                &[("LEEWAY_SERVER__MAX_INFLIGHT", "1")],
                &[],
                &["LEEWAY_SERVER__MAX_INFLIGHT", "max_in_flight"],
            ),
            (
                "",
                &[],
                &[("policy.endpont", "x")],
                &["`policy.endpont`", "the command line", "`policy.endpoint`"],
            ),
            ("", &[("LEEWAY_SERVER__LISTEN", "here")], &[], &["`server.listen`", "LEEWAY_SERVER__LISTEN"]),
            ("[server]\nmax_in_flight = -1\n", &[], &[], &["`server.max_in_flight`", "leeway.toml"]),
            ("nonsense", &[], &[], &["is not TOML"]),
        ];
        for (file, env, cli, expected) in rows {
            let message = try_load(file, env, cli).unwrap_err().to_string();
            assert!(expected.iter().all(|part| message.contains(part)), "{message}");
        }
        let missing =
            load_from::<Settings>(Some(Path::new("/nowhere.toml")), &Environment::default(), Vec::new());
        assert!(matches!(missing, Err(ConfigError::Unreadable { .. })));
    }
}
