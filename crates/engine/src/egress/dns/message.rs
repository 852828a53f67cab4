//! DNS messages of programs: read strictly, and written anew for a resolver, so that what is sent out is a question
//! and nothing else.
//!
//! Owns no I/O and no policy. Everything that is read here is hostile.

/// Identity, flags, and the numbers of the four kinds of records.
const HEADER_BYTES: usize = 12;
/// Most bytes of a name, with the lengths of its labels.
const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: u8 = 63;
/// Of an answer over UDP that nobody asked to be longer.
const UDP_BYTES: u16 = 512;
/// Longer ones would come in pieces, which get lost.
const UDP_BYTES_MAX: u16 = 4_096;

/// A response; its operation; what is asked of the resolver: recursion, and to tell or skip what was validated.
const RESPONSE: u16 = 0x8000;
const OPERATION: u16 = 0x7800;
const CUT: u16 = 0x0200;
const RECURSION: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
const WISHES: u16 = RECURSION | 0x0020 | 0x0010;
const CODE: u16 = 0x000f;

/// `OPT`: sizes and wishes beyond the header's.
const OPTIONS: u16 = 41;
/// Of an `OPT`: signatures are wanted.
const SIGNATURES: u16 = 0x8000;
const ADDRESS: u16 = 1;
const INTERNET: u16 = 1;
/// Whole zones, the state of keys, and kinds that nobody has used since 1987.
const NO_QUESTIONS: [u16; 6] = [249, 250, 251, 252, 253, 254];

/// How a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Code {
    /// There is an answer, which may be empty.
    NoError = 0,
    /// The query cannot be read.
    FormatError = 1,
    /// It could not be answered.
    ServerFailure = 2,
    /// There is no such name.
    NoSuchName = 3,
    /// It is no query of programs.
    NotImplemented = 4,
    /// It is not answered here.
    Refused = 5,
}

/// What is no question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Nothing that could be answered.
    Noise,
    /// Answered by this message.
    Told(Vec<u8>),
}

/// What a program wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    id: u16,
    flags: u16,
    /// Name, kind and class, as they came.
    question: Vec<u8>,
    /// Where they were told.
    options: Option<Options>,
}

/// Longest answer over UDP, and whether signatures are wanted.
type Options = (u16, bool);

impl Query {
    /// Reads a message.
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Unfit> {
        let (id, flags) = (u16_at(message, 0), u16_at(message, 2));
        let (Some(id), Some(flags), true) = (id, flags, message.len() >= HEADER_BYTES) else {
            return Err(Unfit::Noise);
        };
        if flags & RESPONSE != 0 {
            return Err(Unfit::Noise);
        }
        let told = |code| Err(Unfit::Told(reply(id, flags, code, &[])));
        if flags & OPERATION != 0 {
            return told(Code::NotImplemented);
        }
        let Some((question, options)) = body(message) else {
            return told(Code::FormatError);
        };
        let query = Self {
            id,
            flags,
            question: question.to_vec(),
            options,
        };
        match (query.kind(), query.class()) {
            (kind, _) if NO_QUESTIONS.contains(&kind) => {
                Err(Unfit::Told(query.told(Code::NotImplemented)))
            }
            (_, class) if class != INTERNET => Err(Unfit::Told(query.told(Code::Refused))),
            _ => Ok(query),
        }
    }

    /// The name in letters, `.` for the root; bytes that host names do not have as `\` and three digits.
    pub(crate) fn name(&self) -> String {
        let (mut text, mut rest) = (String::new(), &self.question[..]);
        while let Some((&length @ 1.., tail)) = rest.split_first() {
            let (label, tail) = tail.split_at(usize::from(length));
            if !text.is_empty() {
                text.push('.');
            }
            label.iter().for_each(|byte| push(&mut text, *byte));
            rest = tail;
        }
        match text.is_empty() {
            true => ".".to_owned(),
            false => text,
        }
    }

    /// Whether addresses of IPv4 are asked for.
    pub(crate) fn wants_ipv4(&self) -> bool {
        self.kind() == ADDRESS
    }

    /// Longest answer over UDP.
    pub(crate) fn udp_bytes_max(&self) -> usize {
        usize::from(self.options.map_or(UDP_BYTES, |(bytes, _)| bytes))
    }

    /// The same question for a resolver.
    pub(crate) fn for_resolver(&self, id: u16) -> Vec<u8> {
        let counts = [1, 0, 0, u16::from(self.options.is_some())];
        let mut message = header(id, self.flags & WISHES, counts);
        message.extend(&self.question);
        if let Some((bytes, signatures)) = self.options {
            message.push(0);
            let wishes = if signatures { SIGNATURES } else { 0 };
            for word in [OPTIONS, bytes, 0, wishes, 0] {
                message.extend(word.to_be_bytes());
            }
        }
        message
    }

    /// Whether a message is a resolver's answer to it, asked under this number.
    pub(crate) fn is_answered_by(&self, id: u16, answer: &[u8]) -> bool {
        let is_answer = u16_at(answer, 0) == Some(id)
            && u16_at(answer, 2).is_some_and(|flags| flags & (RESPONSE | OPERATION) == RESPONSE);
        is_answer
            && match u16_at(answer, 4) {
                Some(1) => self.is_asked_in(answer),
                // So say some that cannot answer.
                Some(0) => is_failure(answer),
                _ => false,
            }
    }

    fn is_asked_in(&self, answer: &[u8]) -> bool {
        let Some(question) = answer.get(HEADER_BYTES..HEADER_BYTES + self.question.len()) else {
            return false;
        };
        let name_bytes = self.question.len() - 4;
        question[..name_bytes].eq_ignore_ascii_case(&self.question[..name_bytes])
            && question[name_bytes..] == self.question[name_bytes..]
    }

    /// A resolver's answer under the program's number; over UDP one that is too long is only told to be. Of a failure
    /// the code alone.
    pub(crate) fn relayed(&self, mut answer: Vec<u8>, over_tcp: bool) -> Vec<u8> {
        if is_failure(&answer) {
            let is_refused = code_of(&answer) == Some(Code::Refused as u16);
            return self.told(if is_refused {
                Code::Refused
            } else {
                Code::ServerFailure
            });
        }
        if !over_tcp && answer.len() > self.udp_bytes_max() {
            let mut cut = self.told(Code::NoError);
            cut[2] |= (CUT >> 8) as u8;
            return cut;
        }
        answer[..2].copy_from_slice(&self.id.to_be_bytes());
        answer
    }

    /// An answer without records.
    pub(crate) fn told(&self, code: Code) -> Vec<u8> {
        reply(self.id, self.flags, code, &self.question)
    }

    /// An answer with one address, to be kept for so many seconds.
    pub(crate) fn address(&self, address: [u8; 4], seconds: u32) -> Vec<u8> {
        let mut message = self.told(Code::NoError);
        message[7] = 1;
        // The name is the question's, at the header's end.
        for word in [0xc000 | HEADER_BYTES as u16, ADDRESS, INTERNET] {
            message.extend(word.to_be_bytes());
        }
        message.extend(seconds.to_be_bytes());
        message.extend((address.len() as u16).to_be_bytes());
        message.extend(address);
        message
    }

    fn kind(&self) -> u16 {
        u16_at(&self.question, self.question.len() - 4).unwrap_or(0)
    }

    fn class(&self) -> u16 {
        u16_at(&self.question, self.question.len() - 2).unwrap_or(0)
    }
}

/// Whether a resolver says that it did not answer, so that another one may.
pub(crate) fn is_failure(answer: &[u8]) -> bool {
    let failures = [
        Code::ServerFailure,
        Code::NotImplemented,
        Code::Refused,
        Code::FormatError,
    ];
    failures
        .iter()
        .any(|failure| code_of(answer) == Some(*failure as u16))
}

/// Whether an answer says that there is more of it over TCP.
pub(crate) fn is_cut(answer: &[u8]) -> bool {
    u16_at(answer, 2).is_some_and(|flags| flags & CUT != 0)
}

fn code_of(answer: &[u8]) -> Option<u16> {
    Some(u16_at(answer, 2)? & CODE)
}

/// One question and at most the options, to the last byte.
fn body(message: &[u8]) -> Option<(&[u8], Option<Options>)> {
    let counts = [4, 6, 8, 10].map(|at| u16_at(message, at));
    let [Some(1), Some(0), Some(0), Some(more @ 0..=1)] = counts else {
        return None;
    };
    let rest = &message[HEADER_BYTES..];
    let name_bytes = name(rest)?;
    let (question, rest) = rest.split_at_checked(name_bytes + 4)?;
    let kind = u16_at(question, name_bytes)?;
    match (more, rest) {
        _ if kind == OPTIONS => None,
        (0, []) => Some((question, None)),
        (1, options) => Some((question, Some(read_options(options)?))),
        _ => None,
    }
}

/// Bytes of the name that is at the beginning. A question's is written out.
fn name(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            0 => return (at < NAME_BYTES_MAX).then_some(at + 1),
            length @ 1..=LABEL_BYTES_MAX => at += 1 + usize::from(length),
            _ => return None,
        }
        if at >= NAME_BYTES_MAX {
            return None;
        }
    }
}

/// Root, kind, longest answer, version and wishes; then what is not passed on, to the end.
fn read_options(bytes: &[u8]) -> Option<Options> {
    let length = usize::from(u16_at(bytes, 9)?);
    let is_sound = bytes[0] == 0 && u16_at(bytes, 1)? == OPTIONS && bytes.len() == 11 + length;
    let longest = u16_at(bytes, 3)?.clamp(UDP_BYTES, UDP_BYTES_MAX);
    let signatures = u16_at(bytes, 7)? & SIGNATURES != 0;
    is_sound.then_some((longest, signatures))
}

fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let words = [id, flags].into_iter().chain(counts);
    words.flat_map(u16::to_be_bytes).collect()
}

fn reply(id: u16, flags: u16, code: Code, question: &[u8]) -> Vec<u8> {
    let flags = flags & (OPERATION | RECURSION) | RESPONSE | RECURSION_AVAILABLE | code as u16;
    let questions = u16::from(!question.is_empty());
    let mut message = header(id, flags, [questions, 0, 0, 0]);
    message.extend(question);
    message
}

fn push(text: &mut String, byte: u8) {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => text.push(byte.into()),
        _ => text.push_str(&format!("\\{byte:03}")),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
