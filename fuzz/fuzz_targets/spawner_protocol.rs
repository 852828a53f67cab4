//! Messages to and from the spawner, through a real socket: what does not parse whole is an error, what parses means
//! one thing only, and no descriptor that came along stays open.
//!
//! The input is the kind of message, how many descriptors come with it, and the message.
#![no_main]

// The sandbox crate builds a program of its own first; these files of it are all that is needed.
#[path = "../../crates/sandbox/src/config.rs"]
mod config;
#[path = "../../crates/sandbox/src/error.rs"]
#[allow(dead_code)]
mod error;
#[path = "../../crates/sandbox/src/failure.rs"]
#[allow(dead_code)]
mod failure;
#[path = "../../crates/sandbox/src/linux/cgroup/group_files.rs"]
#[allow(dead_code)]
mod group_files;
#[path = "../../crates/sandbox/src/isolation.rs"]
#[allow(dead_code)]
mod isolation;
#[path = "../../crates/sandbox/src/linux/cgroup/pages.rs"]
#[allow(dead_code)]
mod pages;
#[path = "../../crates/sandbox/src/protocol.rs"]
#[allow(dead_code)]
mod protocol;
#[path = "../../crates/sandbox/src/root.rs"]
mod root;

mod linux {
    pub(crate) mod cgroup {
        pub(crate) use crate::group_files::GroupFiles;
    }
}

use std::fs;
use std::io::{IoSlice, stdin};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use lambkin_init::message::{Command, Report};
use libfuzzer_sys::fuzz_target;
use protocol::{Answer, DESCRIPTORS_MAX, Hello, Request, Welcome};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// More than fit, so that some messages come cut.
const SENT_MAX: usize = DESCRIPTORS_MAX + 4;

fuzz_target!(|input: &[u8]| {
    let [kind, descriptors, message @ ..] = input else {
        return;
    };
    let descriptors = usize::from(*descriptors) % (SENT_MAX + 1);
    let before = open_descriptors();
    match kind % 6 {
        0 => heard::<Request>(message, descriptors),
        1 => heard::<Answer>(message, descriptors),
        2 => heard::<Hello>(message, descriptors),
        3 => heard::<Welcome>(message, descriptors),
        4 => heard::<Report>(message, descriptors),
        _ => heard::<Command>(message, descriptors),
    }
    assert_eq!(open_descriptors(), before, "a descriptor stays");
});

fn heard<T: Serialize + DeserializeOwned>(message: &[u8], descriptors: usize) {
    let Ok((mine, theirs)) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    ) else {
        return;
    };
    let own = stdin();
    let sent = vec![own.as_fd(); descriptors];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SENT_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(sent.is_empty() || control.push(SendAncillaryMessage::ScmRights(&sent)));
    if sendmsg(
        &theirs,
        &[IoSlice::new(message)],
        &mut control,
        SendFlags::NOSIGNAL,
    )
    .is_err()
    {
        return;
    }
    let Ok(heard) = protocol::receive::<T>(&mine) else {
        return;
    };
    let Some((value, came)) = heard else {
        assert!(message.is_empty(), "a message was taken for the end");
        return;
    };
    assert_eq!(came.len(), descriptors);
    // What was understood can be said, and is understood again as the same.
    protocol::send(&theirs, &value, &[]).expect("what was heard can be said");
    let (again, _) = protocol::receive::<T>(&mine)
        .expect("it is heard")
        .expect("it is no end");
    assert_eq!(said(&again), said(&value));
    assert!(
        said(&value).len() <= message.len(),
        "it says more than it heard"
    );
}

fn said<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("a message can be written")
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
