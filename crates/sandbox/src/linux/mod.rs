//! The kernel's mechanisms, one in each file. None knows what a sandbox is for.

pub(crate) mod capabilities;
pub(crate) mod cgroup;
pub(crate) mod descriptors;
pub(crate) mod dev;
pub(crate) mod etc;
pub(crate) mod image;
pub(crate) mod landlock;
pub(crate) mod limits;
pub(crate) mod links;
pub(crate) mod mount_spaces;
pub(crate) mod mounts;
pub(crate) mod namespaces;
pub(crate) mod nested;
pub(crate) mod netlink;
pub(crate) mod network;
pub(crate) mod parent_death;
pub(crate) mod pidfd;
pub(crate) mod priority;
pub(crate) mod privilege;
pub(crate) mod proc;
pub(crate) mod root_template;
pub(crate) mod seccomp;
pub(crate) mod signals;
pub(crate) mod tmp_image;
mod tree_copy;
pub(crate) mod tunnel;
pub(crate) mod user_space;
