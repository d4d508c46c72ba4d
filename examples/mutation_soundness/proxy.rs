//! Turns modules into a proxy that Go reads from the disk (`GOPROXY=file://…`): go.mod files, version lists, zip files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::files::Files;

/// A file of a module: its name there, and its content.
type Member<'f> = (&'f str, &'f [u8]);

/// Writes a proxy, and returns the modules in it as `path@version`. The files lie in folders of such names.
pub(crate) fn write(files: &Files, folder: &Path) -> Result<Vec<String>> {
    let mut modules: BTreeMap<(&str, &str), Vec<Member<'_>>> = BTreeMap::new();
    for (path, file) in files.iter() {
        let (module, rest) = path.split_once('@').context("a module has no version")?;
        let (version, name) = rest.split_once('/').context("a module has no files")?;
        modules.entry((module, version)).or_default().push((name, &file.bytes));
    }
    let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ((module, version), members) in &modules {
        let versions = folder.join(module).join("@v");
        fs::create_dir_all(&versions)?;
        let go_mod = members.iter().find(|(name, _)| *name == "go.mod").context("a module has no go.mod")?;
        fs::write(versions.join(format!("{version}.mod")), go_mod.1)?;
        let info = format!("{{\"Version\":\"{version}\",\"Time\":\"2020-01-01T00:00:00Z\"}}");
        fs::write(versions.join(format!("{version}.info")), info)?;
        let members = members.iter().map(|(name, bytes)| (format!("{module}@{version}/{name}"), *bytes));
        fs::write(versions.join(format!("{version}.zip")), zip(members)?)?;
        lists.entry(module).or_default().push(version);
    }
    for (module, versions) in lists {
        fs::write(folder.join(module).join("@v/list"), versions.join("\n") + "\n")?;
    }
    Ok(modules.keys().map(|(module, version)| format!("{module}@{version}")).collect())
}

/// A zip file whose members are stored as they are (APPNOTE.TXT of PKWARE).
fn zip<'m>(members: impl Iterator<Item = (String, &'m [u8])>) -> Result<Vec<u8>> {
    let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for (name, bytes) in members {
        let offset = u32::try_from(archive.len())?;
        // Version 2.0, no flags, stored, no time.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let size = u32::try_from(bytes.len())?.to_le_bytes();
        for field in [crc32(bytes).to_le_bytes(), size, size] {
            common.extend(field);
        }
        common.extend(u16::try_from(name.len())?.to_le_bytes());
        common.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        // No comment, first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        count += 1;
    }
    let (start, size) = (u32::try_from(archive.len())?, u32::try_from(directory.len())?);
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes().repeat(2));
    archive.extend(size.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    Ok(archive)
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn each_version_has_its_files_in_the_proxy() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::from_txtar("-- ex.io/a@v1.0.0/go.mod --\nmodule ex.io/a\n-- ex.io/a@v1.0.0/a.go --\n");
        assert_eq!(write(&files, folder.path()).unwrap(), ["ex.io/a@v1.0.0"]);
        let versions = folder.path().join("ex.io/a/@v");
        assert_eq!(fs::read_to_string(versions.join("list")).unwrap(), "v1.0.0\n");
        assert!(fs::read(versions.join("v1.0.0.zip")).unwrap().ends_with(&[0, 0]));
    }
}
