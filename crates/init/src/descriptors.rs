//! What pid 1 finds open beside its standard input, output and error, by its part; and how many may be open.

/// The programs' filter, as the kernel takes it, in a sealed file that all sandboxes share.
pub const FILTER: i32 = 3;
/// A datagram socket on port 53 of loopback, where programs ask for names.
pub const NAMES_BY_DATAGRAM: i32 = 4;
/// A socket that listens there.
pub const NAMES_BY_STREAM: i32 = 5;

/// Of one that keeps a template: the filter of the program that becomes it, in place of the names.
pub const FILTER_OF_TEMPLATES: i32 = 4;
/// Of one that keeps a template: an event file, by which the spawner learns that the program has settled.
pub const SETTLED: i32 = 5;
/// Of one that adopts clones: Landlock's rules for them.
pub const RULES: i32 = 6;
/// Of one that adopts clones: files by which a process enters the sandbox's control groups, one after the other.
pub const DOORS: i32 = 7;
/// Most of them: one for each kind of limit, where each has a hierarchy of its own.
pub const DOORS_MAX: usize = 5;
/// Of one that adopts clones: what the next one reads. Of one in a sandbox without code: what its first program reads, or
/// which program that is.
pub const INPUT: i32 = 12;

/// Descriptors that a program may have open, as on AWS.
pub const OF_A_PROGRAM: u64 = 1_024;
/// And pid 1: it holds files of calls that wait. It must also have more than any program of its user, who without root is
/// the same for all sandboxes, can have on their way through sockets: beyond its own limit it could send none.
pub const OF_PID_1: u64 = 4_096;
