//! Compiles `proto/` without protoc and derives the access table from the method options.
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, MethodDescriptor, ReflectMessage as _, Value,
};

const ACCESS_EXTENSION: &str = "leeway.common.v1.access";

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let files = proto_files(&root.join("leeway"))?;

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // `file_descriptor_set` would lose the extension options; the encoded form keeps them.
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), &encoded)?;
    let pool = DescriptorPool::decode(encoded.as_slice())?;
    fs::write(out.join("access_table.rs"), access_table(&pool)?)?;

    let set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    // Ordered maps: equal messages have equal bytes.
    tonic_prost_build::configure().btree_map(".").include_file("mod.rs").compile_fds(set)?;
    Ok(())
}

fn proto_files(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = BTreeSet::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "proto") {
                files.insert(path);
            }
        }
    }
    Ok(files.into_iter().collect())
}

fn access_table(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let extension = pool.get_extension_by_name(ACCESS_EXTENSION).ok_or("the access option is missing")?;
    let mut table = String::from("/// Every method with its access rule, from the proto options.\n");
    table.push_str("pub static ACCESS_TABLE: &[MethodAccess] = &[\n");
    for service in pool.services().filter(|s| s.package_name().starts_with("leeway.")) {
        for method in service.methods() {
            writeln!(table, "    {},", row(&method, &extension)?)?;
        }
    }
    table.push_str("];\n");
    Ok(table)
}

/// One row of the table. A method without the option, without roles, or whose owner field is not a
/// top-level string stops the build.
fn row(method: &MethodDescriptor, extension: &ExtensionDescriptor) -> Result<String, Box<dyn Error>> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let options = method.options();
    if !options.has_extension(extension) {
        return Err(format!("`{path}` has no `{ACCESS_EXTENSION}` option").into());
    }
    let value = options.get_extension(extension);
    let rule = value.as_message().ok_or("the access option is no message")?;
    let roles = roles(rule, &path)?;
    let owner = owner(rule, method, &path)?;
    let subject_free = rule.get_field_by_name("subject_free").and_then(|v| v.as_bool()).unwrap_or_default();
    let mutation = method.input().get_field_by_name("request_id").is_some()
        || (method.is_client_streaming() && path.ends_with("/UploadEvidence"));
    let list = method.input().get_field_by_name("page_size").is_some();
    Ok(format!(
        "MethodAccess {{ path: {path:?}, roles: &[{roles}], owner: {owner}, subject_free: {subject_free}, client_streaming: {}, server_streaming: {}, mutation: {mutation}, list: {list} }}",
        method.is_client_streaming(),
        method.is_server_streaming(),
    ))
}

fn roles(rule: &DynamicMessage, path: &str) -> Result<String, Box<dyn Error>> {
    let value = rule.get_field_by_name("roles").ok_or("`roles` is missing")?;
    let mut names = Vec::new();
    for role in value.as_list().unwrap_or_default() {
        let name = enum_name(role, rule, "roles")?;
        names.push(format!("Role::{}", camel(name.trim_start_matches("ROLE_"))));
    }
    if names.is_empty() || names.iter().any(|n| n == "Role::Unspecified") {
        return Err(format!("`{path}` names no role, or an unspecified one").into());
    }
    Ok(names.join(", "))
}

fn owner(rule: &DynamicMessage, method: &MethodDescriptor, path: &str) -> Result<String, Box<dyn Error>> {
    if !rule.has_field_by_name("owner") {
        return Ok("None".into());
    }
    let value = rule.get_field_by_name("owner").ok_or("`owner` is missing")?;
    let owner = value.as_message().ok_or("`owner` is no message")?;
    let field = owner.get_field_by_name("field").ok_or("`field` is missing")?;
    let field = field.as_str().unwrap_or_default().to_owned();
    let kind_value = owner.get_field_by_name("kind").ok_or("`kind` is missing")?;
    let kind = enum_name(&kind_value, owner, "kind")?;
    let descriptor = method
        .input()
        .get_field_by_name(&field)
        .ok_or_else(|| format!("`{path}`: its request has no field `{field}`"))?;
    if descriptor.kind() != prost_reflect::Kind::String || descriptor.is_list() {
        return Err(format!("`{path}`: owner field `{field}` is not a single string").into());
    }
    let kind = camel(kind.trim_start_matches("OWNER_KIND_"));
    if kind == "Unspecified" {
        return Err(format!("`{path}`: owner kind is unspecified").into());
    }
    Ok(format!("Some(OwnerField {{ number: {}, kind: OwnerKind::{kind} }})", descriptor.number()))
}

fn enum_name(value: &Value, message: &DynamicMessage, field: &str) -> Result<String, Box<dyn Error>> {
    let number = value.as_enum_number().ok_or("not an enum")?;
    let descriptor = message.descriptor().get_field_by_name(field).ok_or("field is missing")?;
    let prost_reflect::Kind::Enum(kind) = descriptor.kind() else {
        return Err("not an enum".into());
    };
    Ok(kind.get_value(number).ok_or("enum value is unknown")?.name().to_owned())
}

fn camel(screaming: &str) -> String {
    let word = |w: &str| {
        let mut chars = w.chars();
        chars.next().map(|c| c.to_string() + &chars.as_str().to_lowercase()).unwrap_or_default()
    };
    screaming.split('_').map(word).collect()
}
