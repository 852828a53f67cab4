//! The /tmp of a sandbox: an ext4 image on a loop device.
//!
//! Unlike a tmpfs it is not charged to the function's memory. The image is a file without a name beside the
//! work folder, copied from a template of the same size of which only the few written blocks exist; the loop
//! device frees itself with its last user. So whatever dies, the kernel gives everything back.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{
    CWD, FileType, Gid, Mode, OFlags, SeekFrom, Uid, chownat, fstat, ftruncate, makedev, mknodat,
    open, seek,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

use super::ready_images::{Due, ReadyImages};
use crate::failure::{Failure, at};

/// One inode for this many bytes, as mke2fs gives small file systems.
const BYTES_PER_INODE: u64 = 16_384;
/// Sizes whose template is kept; functions of one machine rarely use more.
const TEMPLATES_MAX: usize = 16;
/// Another process may take a loop device between the question for a free one and its use.
const LOOP_TRIES_MAX: u32 = 16;
/// Major number of loop devices, fixed by Linux.
const LOOP_MAJOR: u32 = 7;

struct Template {
    size_bytes: u64,
    image: OwnedFd,
}

/// Makes images. All its files are unlinked or in a private mount.
pub(crate) struct TmpImages {
    folder: PathBuf,
    nodes: PathBuf,
    control: OwnedFd,
    templates: Vec<Template>,
    /// Mounted.
    ready: ReadyImages<OwnedFd>,
}

impl TmpImages {
    /// `folder` holds the images; `nodes`, on a file system that allows devices, the loop devices' nodes.
    pub(crate) fn open(folder: &Path, nodes: PathBuf) -> Result<Self, Failure> {
        std::fs::create_dir_all(&nodes).map_err(at("make the folder of loop devices"))?;
        let control = open(
            "/dev/loop-control",
            OFlags::RDWR | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(at("open /dev/loop-control"))?;
        Ok(Self {
            folder: folder.to_owned(),
            nodes,
            control,
            templates: Vec::new(),
            ready: ReadyImages::new(),
        })
    }

    /// A file system of the size, mounted nowhere yet, whose root folder is the sandbox user's.
    pub(crate) fn take(&mut self, size_bytes: u64, owner: (u32, u32)) -> Result<OwnedFd, Failure> {
        let mount = match self.ready.take(size_bytes) {
            Some(mount) => mount,
            None => self.make(size_bytes)?,
        };
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        chownat(
            &mount,
            ".",
            Some(uid),
            Some(gid),
            rustix::fs::AtFlags::empty(),
        )
        .map_err(at("hand over /tmp"))?;
        Ok(mount)
    }

    /// Whether there is something to prepare.
    pub(crate) fn wants_refill(&self) -> bool {
        self.ready.due().is_some()
    }

    /// Makes one image ahead, or lets go of one. Failing is no loss: the next `take` will tell.
    pub(crate) fn refill(&mut self) {
        match self.ready.due() {
            Some(Due::Make(size_bytes)) => match self.make(size_bytes) {
                Ok(mount) => self.ready.add(size_bytes, mount),
                Err(_) => self.ready.give_up(size_bytes),
            },
            Some(Due::Drop) => self.ready.drop_one(),
            None => {}
        }
    }

    fn make(&mut self, size_bytes: u64) -> Result<OwnedFd, Failure> {
        let folder = self.folder.clone();
        let template = self.template(size_bytes)?;
        let image = nameless(&folder).map_err(at("make the file of /tmp"))?;
        copy_data(template, &image, size_bytes).map_err(at("copy the file of /tmp"))?;
        let device = self.attach(&image)?;
        let mount = mount_ext4(&device).map_err(at("mount the file of /tmp"))?;
        // The mount holds the device from here on; the last one to let go frees it.
        drop(device);
        Ok(mount)
    }

    fn template(&mut self, size_bytes: u64) -> Result<&OwnedFd, Failure> {
        if let Some(found) = self
            .templates
            .iter()
            .position(|t| t.size_bytes == size_bytes)
        {
            return Ok(&self.templates[found].image);
        }
        if self.templates.len() >= TEMPLATES_MAX {
            self.templates.remove(0);
        }
        let image = nameless(&self.folder).map_err(at("make the template of /tmp"))?;
        ftruncate(&image, size_bytes).map_err(at("size the template of /tmp"))?;
        format_ext4(&image, size_bytes)?;
        self.templates.push(Template { size_bytes, image });
        Ok(&self.templates[self.templates.len() - 1].image)
    }

    fn attach(&self, image: &OwnedFd) -> Result<OwnedFd, Failure> {
        for _ in 0..LOOP_TRIES_MAX {
            let number = free_loop(&self.control).map_err(at("find a free loop device"))?;
            let path = self.nodes.join(number.to_string());
            let device = open_node(&path, number).map_err(at("open a loop device"))?;
            match configure(&device, image) {
                Ok(()) => return Ok(device),
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
                Err(error) => return Err(at("configure a loop device")(error)),
            }
        }
        Err(Failure::new("find a free loop device", Errno::BUSY))
    }
}

fn nameless(folder: &Path) -> rustix::io::Result<OwnedFd> {
    open(
        folder,
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )
}

/// No journal and no reserved blocks: nothing here outlives a crash, and all of it is the function's.
fn format_ext4(image: &OwnedFd, size_bytes: u64) -> Result<(), Failure> {
    let input = image
        .try_clone()
        .map_err(at("format the template of /tmp"))?;
    let inodes = (size_bytes / BYTES_PER_INODE).to_string();
    let status = Command::new("mke2fs")
        .args([
            "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-N", &inodes,
        ])
        .args([
            "-O",
            "^has_journal,^resize_inode,sparse_super2,^metadata_csum,uninit_bg",
        ])
        .args(["-E", "lazy_itable_init=1,nodiscard", "/proc/self/fd/0"])
        .env_clear()
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .stdin(Stdio::from(input))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(at("run mke2fs"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new("run mke2fs", Errno::IO))
    }
}

/// Copies what was written and leaves the holes.
fn copy_data(from: &OwnedFd, to: &OwnedFd, size_bytes: u64) -> io::Result<()> {
    ftruncate(to, size_bytes)?;
    let mut position = 0;
    loop {
        let start = match seek(from, SeekFrom::Data(position)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let end = seek(from, SeekFrom::Hole(start))?;
        copy_range(from, to, start, end)?;
        position = end;
    }
}

fn copy_range(from: &OwnedFd, to: &OwnedFd, start: u64, end: u64) -> io::Result<()> {
    let (mut source, mut target) = (start, start);
    while source < end {
        let left = usize::try_from(end - source).unwrap_or(usize::MAX);
        let copied =
            rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), left)?;
        if copied == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn free_loop(control: &OwnedFd) -> io::Result<u32> {
    // SAFETY: the request takes no argument and touches no memory of this process.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) };
    u32::try_from(number).map_err(|_| io::Error::last_os_error())
}

/// Opens the machine's node, or one of our own where its /dev lacks those beyond the eighth. Making one needs a
/// right that a hardened service is not given.
fn open_node(path: &Path, number: u32) -> rustix::io::Result<OwnedFd> {
    let wanted = makedev(LOOP_MAJOR, number);
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    if let Ok(device) = open(format!("/dev/loop{number}"), flags, Mode::empty())
        && fstat(&device).is_ok_and(|found| found.st_rdev == wanted)
    {
        return Ok(device);
    }
    let mode = Mode::RUSR | Mode::WUSR;
    match mknodat(CWD, path, FileType::BlockDevice, mode, wanted) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    open(path, flags, Mode::empty())
}

const LOOP_CTL_GET_FREE: u32 = 0x4C82;
const LOOP_CONFIGURE: u32 = 0x4C0A;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

/// `struct loop_config` of linux/loop.h, its inner `loop_info64` told as far as it is used.
#[repr(C)]
struct LoopConfig {
    file: u32,
    block_size: u32,
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    names_and_key: [u8; 64 + 64 + 32],
    init: [u64; 2],
    reserved: [u64; 8],
}

fn configure(device: &OwnedFd, image: &OwnedFd) -> io::Result<()> {
    // SAFETY: all fields are integers or arrays of them, for which zero is valid and means "default".
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.file = image.as_raw_fd().cast_unsigned();
    config.flags = LO_FLAGS_AUTOCLEAR;
    // SAFETY: the request reads one `loop_config`, whose layout this is; it lives until the call returns.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &raw const config) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn mount_ext4(device: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let context = fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // The sandbox sees this name in its list of mounts, so it tells nothing of the machine's folders.
    let source = format!("/proc/self/fd/{}", device.as_raw_fd());
    fsconfig_set_string(context.as_fd(), "source", source)?;
    // Nothing here has to survive a crash, so nothing waits for the disk.
    for flag in ["nobarrier", "noinit_itable"] {
        fsconfig_set_flag(context.as_fd(), flag)?;
    }
    fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOATIME;
    let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    clean_root(&mount)?;
    Ok(mount)
}

/// mke2fs leaves a folder for `fsck` to put finds in; a function's /tmp starts empty.
fn clean_root(mount: &OwnedFd) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(mount, "lost+found", rustix::fs::AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    rustix::fs::chmodat(
        mount,
        ".",
        Mode::from_raw_mode(0o1777),
        rustix::fs::AtFlags::empty(),
    )
}
