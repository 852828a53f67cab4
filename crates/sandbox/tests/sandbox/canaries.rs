//! What stands outside of the sandboxes for attacks to reach: files, a process, sockets, shared memory, a queue, a
//! key; all of them open to anybody who gets to them. And what must not change on the machine, whatever they do.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use crate::attack::SECRET;

const SIZE: usize = 4096;
/// What keeps the machine's clock right may move it this much.
const CLOCK_SLACK_SECONDS: i64 = 30;
/// Signals that the canary process counts instead of ending by them.
const COUNTED: &[i32] = &[
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTERM,
    libc::SIGURG,
    libc::SIGWINCH,
    libc::SIGIO,
    libc::SIGCONT,
    libc::SIGALRM,
];
/// Switches of the machine that no sandbox may turn.
const SWITCHES: &[&str] = &[
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hotplug",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/nr_hugepages",
    "/proc/swaps",
];

pub(crate) struct Canaries {
    folder: PathBuf,
    secret: String,
    process: Child,
    memory: u64,
    told: NonBlocking,
    fifo: NonBlocking,
    tcp: Vec<TcpListener>,
    udp: UdpSocket,
    metadata: Option<TcpListener>,
    name: String,
    local: Vec<UnixListener>,
    shm: i32,
    queue: i32,
    mail: i32,
    key: i64,
    clock: i64,
}

/// A file whose waiting bytes are counted.
pub(crate) struct NonBlocking(pub(crate) File);

impl NonBlocking {
    pub(crate) fn waiting(&self) -> i32 {
        let mut count = -1;
        // SAFETY: FIONREAD writes an integer, which lives until the call returns.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::FIONREAD, &raw mut count) };
        count
    }
}

impl Canaries {
    /// `folder` becomes readable for everybody. `metadata` is an address that the caller gave to loopback.
    pub(crate) fn place(folder: &Path, metadata: Option<Ipv4Addr>) -> io::Result<Self> {
        let secret = format!("{SECRET}{}", random()?);
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        for name in ["secret", "open"] {
            fs::write(folder.join(name), &secret)?;
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o666))?;
        }
        let fifo = make_fifo(&folder.join("fifo"))?;
        let (process, memory, told) = start_process(&secret, folder)?;
        let name = format!("lambkin-canary-{}", std::process::id());
        let tcp = ["127.0.0.1:0", "[::1]:0"].map(TcpListener::bind);
        let tcp: Vec<_> = tcp.into_iter().flatten().collect();
        for listener in &tcp {
            listener.set_nonblocking(true)?;
        }
        let udp = UdpSocket::bind(("127.0.0.1", tcp[0].local_addr()?.port()))?;
        udp.set_nonblocking(true)?;
        let metadata = metadata
            .map(|address| TcpListener::bind((address, 80)))
            .transpose()?;
        if let Some(listener) = &metadata {
            listener.set_nonblocking(true)?;
        }
        let local = vec![
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?,
            UnixListener::bind(folder.join("socket"))?,
        ];
        fs::set_permissions(folder.join("socket"), fs::Permissions::from_mode(0o777))?;
        for listener in &local {
            listener.set_nonblocking(true)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            memory,
            told,
            fifo,
            tcp,
            udp,
            metadata,
            local,
            shm: share_memory(&secret)?,
            queue: post(&secret)?,
            mail: open_mail(&format!("/{name}"), &secret)?,
            key: add_key(&secret),
            clock: clock(),
            name,
            process,
            secret,
        })
    }

    /// What attacks need to know to reach it.
    pub(crate) fn facts(&self) -> io::Result<BTreeMap<&'static str, String>> {
        let port = |index: usize| {
            let listener = self.tcp.get(index).map(TcpListener::local_addr);
            listener.transpose().map(|at| at.map_or(0, |at| at.port()))
        };
        Ok(BTreeMap::from([
            ("folder", self.folder.display().to_string()),
            ("pid", self.process.id().to_string()),
            ("server", std::process::id().to_string()),
            ("memory", self.memory.to_string()),
            ("port", port(0)?.to_string()),
            ("port6", port(1)?.to_string()),
            ("abstract", self.name.clone()),
            ("shm", self.shm.to_string()),
            ("queue", self.queue.to_string()),
            ("ipc_key", ipc_key().to_string()),
            ("key", self.key.to_string()),
            ("key_name", key_name()),
        ]))
    }

    /// Everything that an attack could change, by name. Two of them are equal if nothing was touched.
    pub(crate) fn state(&mut self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        for path in SWITCHES {
            let text = fs::read_to_string(path).unwrap_or_default();
            // Of a swap file its name: how full it is changes by itself.
            let words = text
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            state.insert((*path).to_owned(), words.collect::<Vec<_>>().join(" "));
        }
        for name in ["secret", "open", "fifo"] {
            let path = self.folder.join(name);
            let found = fs::symlink_metadata(&path).map(|found| {
                let content = if name == "fifo" {
                    Vec::new()
                } else {
                    fs::read(&path).unwrap_or_default()
                };
                format!(
                    "{:o} {} {} {content:?}",
                    found.mode(),
                    found.nlink(),
                    found.ino()
                )
            });
            state.insert(name.to_owned(), format!("{found:?}"));
        }
        state.insert("words in the fifo".into(), self.fifo.waiting().to_string());
        state.insert("entries".into(), entries(&self.folder));
        self.process_state(&mut state);
        self.socket_state(&mut state);
        state.insert("shared memory".into(), read_shared(self.shm));
        state.insert("messages".into(), messages(self.queue));
        state.insert("mail".into(), waiting_mail(self.mail));
        state.insert("key".into(), read_key(self.key));
        let moved = (clock() - self.clock).abs() > CLOCK_SLACK_SECONDS;
        state.insert("the clock was set".into(), moved.to_string());
        state
    }

    /// Whether this kernel keeps keys, and lets who made one read it: a service's session need not hold its user's.
    pub(crate) fn has_key(&self) -> bool {
        !read_key(self.key).is_empty()
    }

    fn process_state(&mut self, state: &mut BTreeMap<String, String>) {
        let pid = self.process.id();
        let ended = self
            .process
            .try_wait()
            .map_or_else(|e| e.to_string(), |end| format!("{end:?}"));
        state.insert("process ended".into(), ended);
        state.insert("signals".into(), self.told.waiting().to_string());
        for file in ["limits", "oom_score_adj", "cmdline", "comm"] {
            let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            state.insert(format!("process's {file}"), text);
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kept = [
            "Uid",
            "Gid",
            "TracerPid",
            "Cpus_allowed:",
            "Threads",
            "CapEff",
        ];
        let lines = status
            .lines()
            .filter(|line| kept.iter().any(|name| line.starts_with(name)));
        state.insert(
            "process's status".into(),
            lines.collect::<Vec<_>>().join("\n"),
        );
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<_> = stat.split(' ').collect();
        // Its group, session, priority, nice value.
        let kept = [4, 5, 17, 18].map(|index| fields.get(index).copied().unwrap_or_default());
        state.insert("process's scheduling".into(), kept.join(" "));
        state.insert(
            "process stopped".into(),
            (fields.get(2) == Some(&"T")).to_string(),
        );
        let mut bytes = vec![0; self.secret.len()];
        let memory = File::open(format!("/proc/{pid}/mem"));
        let read = memory.and_then(|file| file.read_exact_at(&mut bytes, self.memory));
        let same = read.is_ok() && bytes == self.secret.as_bytes();
        state.insert("process's memory is as it was".into(), same.to_string());
    }

    fn socket_state(&self, state: &mut BTreeMap<String, String>) {
        for (index, listener) in self.tcp.iter().chain(&self.metadata).enumerate() {
            let met = listener.accept().map(|(_, peer)| peer);
            let met = met.map_err(|error| error.kind());
            state.insert(format!("TCP {index}"), format!("{met:?}"));
        }
        let met = self.udp.recv(&mut [0; 16]).map_err(|error| error.kind());
        state.insert("UDP".into(), format!("{met:?}"));
        for (index, listener) in self.local.iter().enumerate() {
            let met = listener.accept().map(drop).map_err(|error| error.kind());
            state.insert(format!("local socket {index}"), format!("{met:?}"));
        }
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        // It may have been killed by an attack; either way nothing of it is to be left.
        let _ = self.process.kill().and_then(|()| self.process.wait());
        // SAFETY: removes what `place` made, by its numbers and its name.
        unsafe {
            libc::shmctl(self.shm, libc::IPC_RMID, std::ptr::null_mut());
            libc::msgctl(self.queue, libc::IPC_RMID, std::ptr::null_mut());
            libc::syscall(libc::SYS_keyctl, 21 /* KEYCTL_INVALIDATE */, self.key);
            if let Ok(name) = CString::new(format!("/{}", self.name)) {
                libc::mq_unlink(name.as_ptr());
            }
        }
    }
}

fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn entries(folder: &Path) -> String {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    names.sort();
    format!("{names:?}")
}

/// When this machine was started, as its clock has it.
fn clock() -> i64 {
    let now = |which| {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the kernel writes the structure, which outlives the call.
        unsafe { libc::clock_gettime(which, &raw mut time) };
        time.tv_sec
    };
    now(libc::CLOCK_REALTIME) - now(libc::CLOCK_MONOTONIC)
}

fn make_fifo(path: &Path) -> io::Result<NonBlocking> {
    let name = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path outlives the call.
    if unsafe { libc::mkfifo(name.as_ptr(), 0o666) } != 0 {
        return Err(io::Error::last_os_error());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    let file = File::options().read(true).write(true).open(path)?;
    Ok(NonBlocking(file))
}

fn start_process(secret: &str, folder: &Path) -> io::Result<(Child, u64, NonBlocking)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("__canary")
        .env("LAMBKIN_CANARY", secret)
        .current_dir(folder)
        .stdin(File::open(folder.join("secret"))?)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let output = child
        .stdout
        .take()
        .map(|output| File::from(std::os::fd::OwnedFd::from(output)));
    let mut output = BufReader::with_capacity(1, output.ok_or(io::ErrorKind::BrokenPipe)?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let memory = line.trim().parse().map_err(io::Error::other)?;
    Ok((child, memory, NonBlocking(output.into_inner())))
}

/// The canary process: keeps its secret in memory and environment, tells where, counts signals on its output.
pub(crate) fn process() -> ExitCode {
    let secret = std::env::var("LAMBKIN_CANARY").unwrap_or_default();
    count_signals();
    // SAFETY: takes numbers only. Where only parents may trace, anybody may trace this process.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY) };
    println!("{}", secret.as_ptr().addr());
    loop {
        std::thread::park();
    }
}

/// From now on signals become bytes on the output.
pub(crate) fn count_signals() {
    extern "C" fn count(_: i32) {
        const OUTPUT: RawFd = 1;
        // SAFETY: writes a constant byte; allowed in a handler.
        unsafe { libc::write(OUTPUT, c"!".as_ptr().cast(), 1) };
    }
    for signal in COUNTED {
        // SAFETY: the handler makes one system call and touches no memory.
        unsafe { libc::signal(*signal, count as *const () as libc::sighandler_t) };
    }
}

fn ipc_key() -> i32 {
    0x1a3b_0000 + (std::process::id() & 0xffff) as i32
}

fn key_name() -> String {
    format!("lambkin-canary-{}", std::process::id())
}

fn share_memory(secret: &str) -> io::Result<i32> {
    // SAFETY: a new segment, attached where the kernel finds room, filled within its size.
    unsafe {
        let id = libc::shmget(ipc_key(), SIZE, libc::IPC_CREAT | 0o666);
        let at = libc::shmat(id, std::ptr::null(), 0);
        if id < 0 || at.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        secret.as_ptr().copy_to(at.cast(), secret.len());
        libc::shmdt(at);
        Ok(id)
    }
}

fn read_shared(id: i32) -> String {
    let mut bytes = vec![0u8; SIZE];
    // SAFETY: a segment of that size, or none.
    unsafe {
        let at = libc::shmat(id, std::ptr::null(), libc::SHM_RDONLY);
        if at.addr() == usize::MAX {
            return io::Error::last_os_error().to_string();
        }
        at.cast::<u8>().copy_to(bytes.as_mut_ptr(), SIZE);
        libc::shmdt(at);
    }
    String::from_utf8_lossy(&bytes)
        .trim_end_matches('\0')
        .to_owned()
}

#[repr(C)]
struct Message {
    kind: libc::c_long,
    text: [u8; 64],
}

fn post(secret: &str) -> io::Result<i32> {
    let mut message = Message {
        kind: 1,
        text: [0; 64],
    };
    let size = secret.len().min(message.text.len());
    message.text[..size].copy_from_slice(&secret.as_bytes()[..size]);
    // SAFETY: a message is a number and the text, whose length is told.
    unsafe {
        let id = libc::msgget(ipc_key(), libc::IPC_CREAT | 0o666);
        if id < 0 || libc::msgsnd(id, (&raw const message).cast(), size, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(id)
    }
}

fn messages(id: i32) -> String {
    // SAFETY: all fields are integers; the kernel fills the structure.
    let mut state: libc::msqid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: the structure outlives the call.
    let result = unsafe { libc::msgctl(id, libc::IPC_STAT, &raw mut state) };
    format!("{result} {}", state.msg_qnum)
}

fn open_mail(name: &str, secret: &str) -> io::Result<i32> {
    let name = CString::new(name)?;
    // SAFETY: all fields are integers.
    let mut size: libc::mq_attr = unsafe { std::mem::zeroed() };
    (size.mq_maxmsg, size.mq_msgsize) = (4, 128);
    let flags = libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: name and structure outlive the call, which copies them.
    unsafe {
        let mail = libc::mq_open(name.as_ptr(), flags, 0o666, &raw const size);
        if mail < 0 || libc::mq_send(mail, secret.as_ptr().cast(), secret.len(), 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(mail)
    }
}

fn waiting_mail(mail: i32) -> String {
    // SAFETY: all fields are integers; the kernel fills the structure.
    let mut state: libc::mq_attr = unsafe { std::mem::zeroed() };
    // SAFETY: the structure outlives the call.
    let result = unsafe { libc::mq_getattr(mail, &raw mut state) };
    format!("{result} {}", state.mq_curmsgs)
}

/// In the key ring of the user, where every process of it finds it. 0 where this kernel has no keys.
fn add_key(secret: &str) -> i64 {
    const USER_KEYRING: i64 = -4;
    const SET_PERMISSIONS: i64 = 5;
    let Ok(name) = CString::new(key_name()) else {
        return 0;
    };
    // SAFETY: the strings and the secret outlive the call, which copies them.
    unsafe {
        let key = libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            name.as_ptr(),
            secret.as_ptr(),
            secret.len(),
            USER_KEYRING,
        );
        libc::syscall(libc::SYS_keyctl, SET_PERMISSIONS, key, 0x3f3f_3f3fu32);
        key.max(0)
    }
}

fn read_key(key: i64) -> String {
    const READ: i64 = 11;
    let mut bytes = [0u8; 128];
    // SAFETY: the kernel writes at most the length that is told.
    let count =
        unsafe { libc::syscall(libc::SYS_keyctl, READ, key, bytes.as_mut_ptr(), bytes.len()) };
    let count = usize::try_from(count).unwrap_or(0).min(bytes.len());
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// A neighbour is a sandbox like any other; this is what runs in it: secrets in every place that it has.
pub(crate) fn neighbour(secret: &str, name: &str, ipc_key: &str) -> ExitCode {
    let set_up = || -> io::Result<()> {
        for folder in ["/tmp", "/dev/shm"] {
            let path = format!("{folder}/secret");
            fs::write(&path, secret)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        }
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let local = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        let key = ipc_key.parse().map_err(io::Error::other)?;
        // SAFETY: a new segment, attached where the kernel finds room, filled within its size.
        unsafe {
            let id = libc::shmget(key, SIZE, libc::IPC_CREAT | 0o666);
            let at = libc::shmat(id, std::ptr::null(), 0);
            if at.addr() == usize::MAX {
                return Err(io::Error::last_os_error());
            }
            secret.as_ptr().copy_to(at.cast(), secret.len());
        }
        println!(
            "{} {}",
            listener.local_addr()?.port(),
            secret.as_ptr().addr()
        );
        println!("=up=");
        io::stdout().flush()?;
        for listener in [listener.as_raw_fd(), local.as_raw_fd()] {
            // Serves whoever comes with the secret: nobody must.
            let secret = secret.to_owned();
            std::thread::spawn(move || serve(listener, &secret));
        }
        loop {
            std::thread::park();
        }
    };
    set_up().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn serve(listener: RawFd, secret: &str) {
    loop {
        // SAFETY: takes a connection of a listener that lives as long as this process, and sends bytes that do.
        unsafe {
            let met = libc::accept(listener, std::ptr::null_mut(), std::ptr::null_mut());
            libc::send(
                met,
                secret.as_ptr().cast(),
                secret.len(),
                libc::MSG_NOSIGNAL,
            );
            libc::write(2, c"=met=\n".as_ptr().cast(), 6);
            libc::close(met);
        }
    }
}
