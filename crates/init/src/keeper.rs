//! A pid 1 whose program becomes a template, of which it makes clones in other sandboxes below its own.
//!
//! Its name space is above theirs, so it outlives them all, and it reaps them. It has no way to the network, nor has the
//! program while it is loaded: connections would be nobody's once it is cloned.

use crate::cloning::{Failure, Restrictions};
use crate::descriptors::{FILTER, FILTER_OF_TEMPLATES, SETTLED};
use crate::end;
use crate::fitness::Limits;
use crate::kernel::child;
use crate::kernel::filter::{self, sock_filter};
use crate::kernel::inherited;
use crate::message::Report;
use crate::template::{self, Template, Unfit};
use crate::{control, message};
use rustix::process::{Pid, Resource, getrlimit};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// What it has.
pub(crate) struct Keeper {
    filter: Vec<sock_filter>,
    restrictions: Restrictions,
    template: Option<Template>,
    /// From then on others are below, and whoever is in this name space is the template.
    has_settled: bool,
    /// Tells that to the spawner, which puts nobody below before.
    settled: OwnedFd,
    limits: Limits,
    /// Where the ends of clones are told. Each is a child of this process.
    ends: HashMap<Pid, OwnedFd>,
}

impl Keeper {
    /// Of what pid 1 finds open. `doors` is how many control groups clones have to enter.
    pub(crate) fn open(landlock: bool, doors: usize) -> io::Result<Self> {
        Ok(Self {
            filter: filter::read(&inherited::take(FILTER_OF_TEMPLATES)?)?,
            restrictions: Restrictions {
                filter: filter::read(&inherited::take(FILTER)?)?,
                landlock,
                doors,
                last_capability: last_capability()?,
                processes: getrlimit(Resource::Nproc),
            },
            template: None,
            has_settled: false,
            settled: inherited::take(SETTLED)?,
            limits: Limits::of_self()?,
            ends: HashMap::new(),
        })
    }

    /// Of the process that becomes the program, by itself.
    pub(crate) fn restrict(&self) -> io::Result<()> {
        Ok(child::restrict_alone(&self.filter)?)
    }

    /// The program has stopped itself: its fork becomes the template, and is the program from then on.
    pub(crate) fn settle(&mut self, program: Pid) -> io::Result<Option<Pid>> {
        if self.template.is_some() {
            return Ok(Some(program));
        }
        let taken = Template::take(program);
        let kept = taken.as_ref().ok().map(Template::pid);
        template::end_all_but(kept)?;
        let checked = taken.and_then(|template| {
            template.forget_stop()?;
            template.check(&self.limits)?;
            template.make_room(self.restrictions.processes)?;
            Ok(template)
        });
        match checked {
            Ok(template) => {
                let pid = template.pid();
                self.template = Some(template);
                self.has_settled = true;
                rustix::io::write(&self.settled, &1_u64.to_ne_bytes())?;
                control::report(&Report::Settled)?;
                Ok(Some(pid))
            }
            Err(unfit) => {
                template::end_all_but(None)?;
                control::report(&told(unfit))?;
                Ok(None)
            }
        }
    }

    /// Forks the template into the sandbox of another pid 1, and tells how it went.
    pub(crate) fn clone_into(&mut self, id: u32, init: &OwnedFd) -> io::Result<()> {
        let Some(template) = &self.template else {
            return not_cloned(id, "find a template", rustix::io::Errno::SRCH);
        };
        let ended = match end::open() {
            Ok(ended) => ended,
            Err(error) => return not_cloned(id, "make an event file", error),
        };
        match template.fork_into(init, &self.restrictions) {
            Ok(clone) => {
                let process = clone.number;
                let report = Report::Cloned { id, process };
                control::report_with(&report, &[clone.listener.as_fd(), ended.as_fd()])?;
                self.ends.insert(clone.pid(), ended);
                // If it is gone already, its new pid 1 hears of it.
                let _ = clone.release();
                Ok(())
            }
            Err(failure) => {
                if failure.is_the_templates_end() {
                    self.rest()?;
                }
                let Failure { step, errno } = failure;
                not_cloned(id, step, errno)
            }
        }
    }

    /// A child has been reaped: a clone's own pid 1 hears of it.
    pub(crate) fn ended(&mut self, child: Pid, status: i32) {
        if let Some(ended) = self.ends.remove(&child) {
            end::tell(&ended, status);
        }
    }

    /// No program is started then: it would run beside sandboxes that are below it.
    pub(crate) fn has_settled(&self) -> bool {
        self.has_settled
    }

    /// Ends what runs here. Nothing is left to be cloned.
    pub(crate) fn rest(&mut self) -> io::Result<()> {
        self.template = None;
        match self.has_settled {
            true => template::end_own(),
            false => template::end_all_but(None),
        }
    }
}

fn last_capability() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap")?;
    text.trim().parse().map_err(io::Error::other)
}

fn not_cloned(id: u32, step: &str, errno: rustix::io::Errno) -> io::Result<()> {
    control::report(&Report::NotCloned {
        id,
        step: step.to_owned(),
        errno: errno.raw_os_error(),
    })
}

fn told(unfit: Unfit) -> Report {
    match unfit {
        Unfit::ForGood(why) => Report::Unfit { why: cut(why) },
        Unfit::ForNow(why) => Report::Hindered { why: cut(why) },
    }
}

/// What a function's files are called is up to it.
fn cut(mut why: String) -> String {
    let end = (0..=message::REASON_BYTES_MAX.min(why.len()))
        .rev()
        .find(|end| why.is_char_boundary(*end));
    why.truncate(end.unwrap_or(0));
    why
}
