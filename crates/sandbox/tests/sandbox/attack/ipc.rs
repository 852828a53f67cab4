//! Memory, messages and semaphores that have a name on the machine, or a number.

use std::ffi::CString;
use std::fs;

use super::Layer::{Ipc, Limits, Root, Seccomp};
use super::{
    Attack, Outcome, World, address, call, must_fail, must_hide, must_hold, none_of, stopped,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "ipc::shared_memory_by_number",
        aims_at: "memory of the canary",
        stopped_by: &[Ipc],
        run: shared_memory_by_number,
    },
    Attack {
        name: "ipc::shared_memory_by_key",
        aims_at: "memory of the canary",
        stopped_by: &[Ipc],
        run: shared_memory_by_key,
    },
    Attack {
        name: "ipc::shared_memory_listed",
        aims_at: "memory of others",
        stopped_by: &[Ipc],
        run: shared_memory_listed,
    },
    Attack {
        name: "ipc::remove_shared_memory",
        aims_at: "memory of the canary",
        stopped_by: &[Ipc],
        run: remove_shared_memory,
    },
    Attack {
        name: "ipc::messages_of_the_canary",
        aims_at: "messages outside",
        stopped_by: &[Ipc, Seccomp],
        run: messages_of_the_canary,
    },
    Attack {
        name: "ipc::mail_of_the_canary",
        aims_at: "a queue outside",
        stopped_by: &[Ipc, Seccomp],
        run: mail_of_the_canary,
    },
    Attack {
        name: "ipc::a_queue_of_its_own",
        aims_at: "the kernel's memory",
        stopped_by: &[Seccomp, Limits],
        run: a_queue_of_its_own,
    },
    Attack {
        name: "ipc::semaphores_of_others",
        aims_at: "semaphores outside",
        stopped_by: &[Ipc],
        run: semaphores_of_others,
    },
    Attack {
        name: "ipc::named_memory",
        aims_at: "memory of the machine by name",
        stopped_by: &[Root],
        run: named_memory,
    },
];

fn attach(id: i64) -> Outcome {
    match call(libc::SYS_shmat, [id, 0, libc::SHM_RDONLY.into()]) {
        Ok(at) => {
            // SAFETY: a segment was attached there, of a page at least.
            let bytes = unsafe {
                std::slice::from_raw_parts(
                    std::ptr::with_exposed_provenance::<u8>(at as usize),
                    256,
                )
            };
            must_hide(Ok(bytes.to_vec()))
        }
        Err(error) => stopped(error),
    }
}

fn shared_memory_by_number(world: &World) -> Outcome {
    let known = world.number("shm");
    none_of(
        (0..64)
            .chain([known])
            .map(|id| (id.to_string(), attach(id))),
    )
}

fn shared_memory_by_key(world: &World) -> Outcome {
    match call(libc::SYS_shmget, [world.number("ipc_key"), 0, 0]) {
        Ok(id) => super::breached(format!("{:?}", attach(id))),
        Err(error) => stopped(error),
    }
}

fn shared_memory_listed(_: &World) -> Outcome {
    none_of(["shm", "sem", "msg"].map(|kind| {
        let text = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        (kind.to_owned(), must_hold(text.lines().count() <= 1, text))
    }))
}

/// Whether it is still there, the harness sees.
fn remove_shared_memory(world: &World) -> Outcome {
    must_fail(call(
        libc::SYS_shmctl,
        [world.number("shm"), libc::IPC_RMID.into(), 0],
    ))
}

fn messages_of_the_canary(world: &World) -> Outcome {
    let mut text = vec![0u8; 128];
    let at = text.as_mut_ptr().expose_provenance() as i64;
    let by_key = call(libc::SYS_msgget, [world.number("ipc_key"), 0]);
    none_of([
        ("by key".to_owned(), must_fail(by_key)),
        (
            "by number".to_owned(),
            must_hide(
                call(
                    libc::SYS_msgrcv,
                    [world.number("queue"), at, 100, 0, libc::IPC_NOWAIT.into()],
                )
                .map(|_| text),
            ),
        ),
        (
            "removed".to_owned(),
            must_fail(call(
                libc::SYS_msgctl,
                [world.number("queue"), libc::IPC_RMID.into(), 0],
            )),
        ),
    ])
}

fn mail_of_the_canary(world: &World) -> Outcome {
    let name = CString::new(world.text("abstract")).expect("no zero");
    none_of([
        (
            "open".to_owned(),
            must_fail(call(
                libc::SYS_mq_open,
                [address(name.as_c_str()), libc::O_RDWR.into(), 0, 0],
            )),
        ),
        (
            "removed".to_owned(),
            must_fail(call(libc::SYS_mq_unlink, [address(name.as_c_str())])),
        ),
    ])
}

fn a_queue_of_its_own(_: &World) -> Outcome {
    let flags = i64::from(libc::O_CREAT | libc::O_RDWR);
    must_fail(call(libc::SYS_mq_open, [address(c"own"), flags, 0o600, 0]))
}

fn semaphores_of_others(world: &World) -> Outcome {
    let known = call(libc::SYS_semget, [world.number("ipc_key"), 0, 0]);
    let listed = (0..64).map(|id| {
        (
            id.to_string(),
            must_fail(call(libc::SYS_semctl, [id, 0, libc::GETVAL.into(), 0])),
        )
    });
    none_of(listed.chain([("by key".to_owned(), must_fail(known))]))
}

fn named_memory(_: &World) -> Outcome {
    let names = fs::read_dir("/dev/shm")
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name());
    let names: Vec<_> = names.collect();
    must_hold(names.is_empty(), format!("{names:?}"))
}
