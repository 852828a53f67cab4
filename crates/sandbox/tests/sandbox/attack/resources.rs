//! Resources: what fills, and where it ends. Whether others feel it, the cases of `limits.rs` and `many.rs` ask.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;

use super::Layer::{Bounds, Groups, Kernel, Limits, Rights};
use super::{
    Attack, Outcome, World, address, breached, call, in_child, must_fail, must_hold, none_of,
    stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "resources::fill_tmp",
        aims_at: "the machine's disk",
        stopped_by: &[Bounds],
        run: fill_tmp,
    },
    Attack {
        name: "resources::reserve_tmp",
        aims_at: "the machine's disk",
        stopped_by: &[Bounds],
        run: reserve_tmp,
    },
    Attack {
        name: "resources::files_in_tmp",
        aims_at: "the kernel's memory",
        stopped_by: &[Bounds],
        run: files_in_tmp,
    },
    Attack {
        name: "resources::fill_shm",
        aims_at: "the machine's memory",
        stopped_by: &[Bounds],
        run: fill_shm,
    },
    Attack {
        name: "resources::files_in_shm",
        aims_at: "the kernel's memory",
        stopped_by: &[Bounds],
        run: files_in_shm,
    },
    Attack {
        name: "resources::no_other_place",
        aims_at: "the kernel's memory",
        stopped_by: &[super::Layer::Flags],
        run: no_other_place,
    },
    Attack {
        name: "resources::memory",
        aims_at: "the machine's memory",
        stopped_by: &[Groups],
        run: memory,
    },
    Attack {
        name: "resources::memory_in_files",
        aims_at: "the machine's memory",
        stopped_by: &[Groups],
        run: memory_in_files,
    },
    Attack {
        name: "resources::memory_of_system_v",
        aims_at: "the machine's memory",
        stopped_by: &[Groups],
        run: memory_of_system_v,
    },
    Attack {
        name: "resources::memory_in_pipes",
        aims_at: "the machine's memory",
        stopped_by: &[Kernel, Groups],
        run: memory_in_pipes,
    },
    Attack {
        name: "resources::big_pipe",
        aims_at: "the machine's memory",
        stopped_by: &[Kernel, Rights],
        run: big_pipe,
    },
    Attack {
        name: "resources::processes",
        aims_at: "the machine's processes",
        stopped_by: &[Groups, Limits],
        run: processes,
    },
    Attack {
        name: "resources::threads",
        aims_at: "the machine's processes",
        stopped_by: &[Groups, Limits],
        run: threads,
    },
    Attack {
        name: "resources::watches",
        aims_at: "watchers of the user outside",
        stopped_by: &[super::Layer::UserSpace],
        run: watches,
    },
    Attack {
        name: "resources::watchers",
        aims_at: "the kernel's memory",
        stopped_by: &[Kernel],
        run: watchers,
    },
    Attack {
        name: "resources::semaphores",
        aims_at: "the kernel's memory",
        stopped_by: &[Kernel, Groups],
        run: semaphores,
    },
    Attack {
        name: "resources::nested_polls",
        aims_at: "the kernel's time",
        stopped_by: &[Kernel],
        run: nested_polls,
    },
    Attack {
        name: "resources::nested_filters",
        aims_at: "the kernel's memory",
        stopped_by: &[Kernel],
        run: nested_filters,
    },
    Attack {
        name: "resources::deep_folders",
        aims_at: "who removes them",
        stopped_by: &[Bounds],
        run: deep_folders,
    },
];

const CHUNK: usize = 1 << 20;
/// Of EphemeralStorage; the harness asks for this much.
const TMP_BYTES: u64 = 64 << 20;
/// More than the image of a file system of that size can use for itself.
const TMP_SLACK: u64 = 16 << 20;
/// What the harness gives.
const MEMORY_BYTES: usize = 128 << 20;
const PROCESSES: usize = 64;

fn fill(path: &str, bound: u64) -> Outcome {
    let mut file = File::create(path).expect("a file");
    let chunk = vec![1u8; CHUNK];
    let mut written = 0u64;
    while written <= bound + TMP_SLACK {
        match file.write(&chunk) {
            Ok(0) | Err(_) => {
                return must_hold(written <= bound + TMP_SLACK, format!("{written} bytes"));
            }
            Ok(count) => written += count as u64,
        }
    }
    breached(format!("{written} bytes"))
}

fn fill_tmp(_: &World) -> Outcome {
    fill("/tmp/much", TMP_BYTES)
}

fn reserve_tmp(_: &World) -> Outcome {
    let file = File::create("/tmp/much").expect("a file");
    must_fail(call(
        libc::SYS_fallocate,
        [
            file.as_raw_fd().into(),
            0,
            0,
            (TMP_BYTES + TMP_SLACK) as i64,
        ],
    ))
}

fn count_files(folder: &str, bound: usize) -> Outcome {
    let made =
        (0..=bound).take_while(|number| File::create_new(format!("{folder}/{number}")).is_ok());
    let count = made.count();
    must_hold(count <= bound, format!("{count} files"))
}

/// One for each sixteen kibibytes, as in an image of that size.
fn files_in_tmp(_: &World) -> Outcome {
    count_files("/tmp", (TMP_BYTES / 16_384) as usize + 64)
}

fn fill_shm(_: &World) -> Outcome {
    fill("/dev/shm/much", MEMORY_BYTES as u64 / 2)
}

fn files_in_shm(_: &World) -> Outcome {
    count_files("/dev/shm", 16_384)
}

/// Every file system that this user can make a file in.
fn no_other_place(_: &World) -> Outcome {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    none_of(mounts.lines().filter_map(|line| {
        let place = line.split(' ').nth(4)?;
        let made = File::create(format!("{place}/x")).is_ok();
        let known = ["/tmp", "/dev/shm"].contains(&place);
        Some((place.to_owned(), must_hold(!made || known, "a file")))
    }))
}

/// Of a child that asks for twice the memory: killed, or refused.
fn ends_early(child: impl FnOnce()) -> Outcome {
    let ended = in_child(|| {
        child();
        7
    });
    match ended {
        Ok((_, status)) => must_hold(
            !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 7,
            format!("{status:x}"),
        ),
        Err(error) => stopped(error),
    }
}

fn no_groups(world: &World) -> Option<Outcome> {
    (world.text("groups") == "no").then(|| stopped("not limited, as the start has told"))
}

fn memory(world: &World) -> Outcome {
    no_groups(world).unwrap_or_else(|| {
        ends_early(|| {
            let mut all = Vec::new();
            for _ in 0..2 * MEMORY_BYTES / CHUNK {
                all.push(std::hint::black_box(vec![1u8; CHUNK]));
            }
        })
    })
}

fn memory_in_files(world: &World) -> Outcome {
    no_groups(world).unwrap_or_else(|| {
        ends_early(|| {
            let Ok(number) = call(libc::SYS_memfd_create, [address(c"x"), 0]) else {
                std::process::exit(0)
            };
            let chunk = vec![1u8; CHUNK];
            for _ in 0..2 * MEMORY_BYTES / CHUNK {
                if call(
                    libc::SYS_write,
                    [number, address(chunk.as_slice()), CHUNK as i64],
                )
                .is_err()
                {
                    std::process::exit(0);
                }
            }
        })
    })
}

fn memory_of_system_v(world: &World) -> Outcome {
    no_groups(world).unwrap_or_else(|| {
        ends_early(|| {
            for _ in 0..2 * MEMORY_BYTES / (8 * CHUNK) {
                let Ok(id) = call(libc::SYS_shmget, [0, 8 * CHUNK as i64, 0o1600]) else {
                    std::process::exit(0)
                };
                let Ok(at) = call(libc::SYS_shmat, [id, 0, 0]) else {
                    std::process::exit(0)
                };
                // SAFETY: a segment of that size was attached there.
                unsafe {
                    std::ptr::with_exposed_provenance_mut::<u8>(at as usize)
                        .write_bytes(1, 8 * CHUNK)
                };
            }
        })
    })
}

/// What they hold counts for the group, and for the user beyond some pages.
fn memory_in_pipes(world: &World) -> Outcome {
    no_groups(world).unwrap_or_else(|| {
        ends_early(|| {
            let mut pipes = Vec::new();
            let chunk = vec![1u8; CHUNK];
            let mut held = 0;
            for _ in 0..450 {
                let Ok((heard, mut told)) = std::io::pipe() else {
                    break;
                };
                let number = i64::from(told.as_raw_fd());
                let _ = call(
                    libc::SYS_fcntl,
                    [number, libc::F_SETPIPE_SZ.into(), CHUNK as i64],
                );
                let _ = call(
                    libc::SYS_fcntl,
                    [number, libc::F_SETFL.into(), libc::O_NONBLOCK.into()],
                );
                held += told.write(&chunk).unwrap_or(0);
                pipes.push((heard, told));
            }
            if held < 2 * MEMORY_BYTES {
                std::process::exit(0);
            }
        })
    })
}

fn big_pipe(_: &World) -> Outcome {
    let (_heard, told) = std::io::pipe().expect("a pipe");
    must_fail(call(
        libc::SYS_fcntl,
        [told.as_raw_fd().into(), libc::F_SETPIPE_SZ.into(), 64 << 20],
    ))
}

fn processes(_: &World) -> Outcome {
    let mut children = Vec::new();
    while children.len() < 2 * PROCESSES {
        match super::Sleeper::start() {
            Ok(child) => children.push(child),
            Err(_) => break,
        }
    }
    must_hold(
        children.len() < PROCESSES,
        format!("{} processes", children.len()),
    )
}

fn threads(_: &World) -> Outcome {
    let mut count = 0;
    while count < 2 * PROCESSES {
        match std::thread::Builder::new()
            .stack_size(1 << 16)
            .spawn(std::thread::park)
        {
            Ok(_) => count += 1,
            Err(_) => break,
        }
    }
    must_hold(count < PROCESSES, format!("{count} threads"))
}

fn watches(_: &World) -> Outcome {
    let made = (0..2_000).take_while(|_| call(libc::SYS_inotify_init1, [0]).is_ok());
    let count = made.count();
    must_hold(count <= 16, format!("{count} of them"))
}

fn watchers(_: &World) -> Outcome {
    let made = (0..2_000).take_while(|_| call(libc::SYS_epoll_create1, [0]).is_ok());
    let count = made.count();
    must_hold(count < 1024, format!("{count} of them"))
}

fn semaphores(_: &World) -> Outcome {
    let made = (0..40_000).take_while(|_| call(libc::SYS_semget, [0, 1, 0o600]).is_ok());
    let count = made.count();
    must_hold(count <= 32_000, format!("{count} sets"))
}

fn nested_polls(_: &World) -> Outcome {
    let mut inner = call(libc::SYS_epoll_create1, [0]).expect("one");
    for depth in 0..32 {
        let outer = call(libc::SYS_epoll_create1, [0]).expect("another");
        let event = [1u32, 0, 0, 0];
        if let Err(error) = call(libc::SYS_epoll_ctl, [outer, 1, inner, address(&event)]) {
            return stopped(format!("{depth} deep: {error}"));
        }
        inner = outer;
    }
    breached("32 deep")
}

fn nested_filters(_: &World) -> Outcome {
    let mut filter = vec![
        libc::sock_filter {
            code: 6,
            jt: 0,
            jf: 0,
            k: libc::SECCOMP_RET_ALLOW
        };
        4096
    ];
    filter[0].code = 0;
    let program = libc::sock_fprog {
        len: 4096,
        filter: filter.as_mut_ptr(),
    };
    for depth in 0..64 {
        if let Err(error) = call(libc::SYS_seccomp, [1, 0, address(&program)]) {
            return stopped(format!("{depth} deep: {error}"));
        }
    }
    breached("64 deep")
}

/// The end of the sandbox must not depend on how its files lie.
fn deep_folders(_: &World) -> Outcome {
    std::env::set_current_dir("/tmp").expect("a folder");
    let made = (0..20_000)
        .take_while(|_| fs::create_dir("d").is_ok() && std::env::set_current_dir("d").is_ok());
    let count = made.count();
    must_hold(count < 20_000, format!("{count} deep"))
}
