//! Turns an exported image into its paths, each with its mode and what is there; times are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file system of an image.
pub(super) struct Image(BTreeMap<PathBuf, Node>);

#[derive(PartialEq, Eq)]
struct Node {
    mode: u32,
    content: Content,
}

#[derive(PartialEq, Eq)]
enum Content {
    Folder,
    File(Vec<u8>),
    Link(PathBuf),
    Special,
}

impl Image {
    /// Reads what was exported into a folder.
    pub(super) fn read(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let node = Node::read(&path);
                if node.content == Content::Folder {
                    folders.push(path.clone());
                }
                nodes.insert(path.strip_prefix(root).unwrap().to_owned(), node);
            }
        }
        Self(nodes)
    }

    /// The paths that are not the same in another image.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let paths: BTreeSet<&PathBuf> = self.0.keys().chain(other.0.keys()).collect();
        let differ = paths.into_iter().filter(|path| self.0.get(*path) != other.0.get(*path));
        differ.map(|path| path.display().to_string()).collect()
    }
}

impl Node {
    fn read(path: &Path) -> Self {
        let metadata = path.symlink_metadata().unwrap();
        let kind = metadata.file_type();
        let content = if kind.is_dir() {
            Content::Folder
        } else if kind.is_symlink() {
            Content::Link(fs::read_link(path).unwrap())
        } else if kind.is_fifo() || kind.is_char_device() || kind.is_block_device() || kind.is_socket() {
            Content::Special
        } else {
            Content::File(fs::read(path).unwrap())
        };
        Self { mode: metadata.permissions().mode(), content }
    }
}
