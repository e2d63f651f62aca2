//! The browser that a User-Agent claims to be, and the fields which that browser sends over TLS.
//!
//! ```text
//! Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Feeds/2
//!             |                   |                  |                   |                `- a name
//!             |                   |                  `- a comment        `- the claim
//!             `- the platform     `- a product
//! ```
//!
//! Devices, apps and tools put a name of their own beside the browser that they resemble, and say
//! who they are by it. Only a User-Agent without such a name is measured by [`FIRST_TO_SEND`].

use super::words;

/// A major and a minor version.
type Version = (u32, u32);

/// Browsers that differ in what they send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Chromium,
    ChromiumOnAndroid,
    Firefox,
    SafariOnMac,
    /// Every browser of an iPhone or iPad, by the version of the system.
    WebKitOnIos,
    /// WebKitGTK and WPE call themselves Safari.
    WebKitOnLinux,
    InternetExplorer,
}

/// The first version of each that sends `br` or a Sec-Fetch field with every page over TLS.
///
/// Source: MDN's browser-compat-data at a0a74f9, `http/headers/Content-Encoding.json` (`br`) and
/// `http/headers/Sec-Fetch-Site.json`. WebKit on Linux takes `br` from libsoup, which has it since
/// 2.70, so that old systems lack it whatever WebKit says; it is asked for Sec-Fetch-Site instead.
const FIRST_TO_SEND: &[(Family, Version)] = &[
    (Family::Chromium, (50, 0)),
    (Family::ChromiumOnAndroid, (51, 0)),
    (Family::Firefox, (44, 0)),
    (Family::SafariOnMac, (11, 0)),
    (Family::WebKitOnIos, (11, 0)),
    (Family::WebKitOnLinux, (16, 4)),
    (Family::InternetExplorer, (u32::MAX, 0)),
];

/// Browsers of the desktop that send neither and that people still run: from this version on, on a
/// platform that names one of these systems. Each is the last one that its system was given.
///
/// All other old browsers of the desktop are names on lists that programs pick from; most of them
/// could not even speak TLS 1.2.
const STILL_RUN: &[(Family, Version, &[&str])] = &[
    (Family::Chromium, (49, 0), &["Windows NT 5.", "Windows NT 6.0"]),
    (Family::Chromium, (49, 0), &["Mac OS X 10_6", "Mac OS X 10_7", "Mac OS X 10_8"]),
    (Family::SafariOnMac, (9, 1), &["Mac OS X"]),
    (Family::WebKitOnLinux, (13, 0), &["Linux", "BSD"]),
    (Family::InternetExplorer, (11, 0), &["Windows NT"]),
];

/// True if the browser that `user_agent` claims to be would have sent `br` or a Sec-Fetch field.
///
/// So it is, too, for one that names nothing at all, as `Mozilla/5.0` does.
pub(super) fn owes_browser_fields(user_agent: &[u8]) -> bool {
    let Ok(user_agent) = std::str::from_utf8(user_agent) else { return false };
    let claim = Claim::read(user_agent);
    if claim.named {
        return false;
    }
    let Some((family, version)) = claim.browser() else { return true };
    let sends = FIRST_TO_SEND.iter().any(|(one, since)| *one == family && version >= *since);
    sends || !(claim.mobile || claim.is_still_run(family, version))
}

/// Everything that a User-Agent says which matters here.
#[derive(Default)]
struct Claim<'a> {
    platform: &'a str,
    /// A name that is none of a browser, a system or an engine.
    named: bool,
    mobile: bool,
    chromium: Option<Version>,
    firefox: Option<Version>,
    safari: Option<Version>,
    webkit: Option<Version>,
    explorer: Option<Version>,
    ios: Option<Version>,
}

impl<'a> Claim<'a> {
    fn read(user_agent: &'a str) -> Self {
        let mut claim = Self::default();
        let mut of_distribution = false;
        for (index, part) in Parts(user_agent).enumerate() {
            match part {
                ClaimPart::Comment(items) if index == 1 => claim.read_platform(items),
                ClaimPart::Comment(comment) => {
                    claim.named |= !of_distribution && !words::is_usual_comment(comment);
                }
                ClaimPart::Product(product) => {
                    let name = claim.read_product(product);
                    of_distribution = words::is_distribution(name);
                }
            }
        }
        claim
    }

    fn read_platform(&mut self, items: &'a str) {
        self.platform = items;
        let explorer = items.contains("MSIE ") || items.contains("Trident/");
        let mut android = false;
        for item in items.split(';').map(str::trim) {
            android |= item.starts_with("Android");
            self.mobile |= android || words::is_mobile(item);
            if let Some(version) = item.strip_prefix("MSIE ") {
                self.explorer = self.explorer.max(version_of(version));
            } else if let Some(version) = item.strip_prefix("Trident/") {
                // Trident is four versions behind the browser, whatever a compatibility view says.
                let version = version_of(version).map(|(major, minor)| (major + 4, minor));
                self.explorer = self.explorer.max(version);
            } else if let Some((_, version)) = item.split_once("OS ")
                && item.starts_with("CPU ")
            {
                self.ios = version_of(version);
            }
            // An item behind Android is the model of the device.
            let model = android && (!item.contains('/') || item.contains(" Build/"));
            self.named |= !model && !words::is_platform(item, explorer);
        }
    }

    /// Notes what a product says, and returns its name.
    fn read_product(&mut self, product: &'a str) -> &'a str {
        let (name, version) = product.split_once('/').unwrap_or((product, ""));
        let version = version_of(version);
        match name {
            "Chrome" | "Chromium" | "CrMo" => self.chromium = self.chromium.max(version),
            "Firefox" => self.firefox = version,
            "Version" => self.safari = version,
            "AppleWebKit" => self.webkit = version,
            "Mobile" => self.mobile = true,
            _ => self.named |= !words::is_usual_product(name),
        }
        name
    }

    /// The browser, if the User-Agent names one with its version.
    fn browser(&self) -> Option<(Family, Version)> {
        let apple = self.platform.starts_with("Macintosh");
        let chromium = if self.mobile { Family::ChromiumOnAndroid } else { Family::Chromium };
        let safari = match self.platform {
            platform if apple || platform.contains("Windows") => Family::SafariOnMac,
            _ => Family::WebKitOnLinux,
        };
        None.or(self.ios.map(|version| (Family::WebKitOnIos, version)))
            .or(self.explorer.map(|version| (Family::InternetExplorer, version)))
            .or(self.chromium.map(|version| (chromium, version)))
            .or(self.firefox.map(|version| (Family::Firefox, version)))
            .or(self.safari.map(|version| (safari, version)))
            .or(self.webkit.filter(|_| apple).map(|version| (safari, safari_of(version))))
    }

    fn is_still_run(&self, family: Family, version: Version) -> bool {
        STILL_RUN.iter().any(|(one, since, systems)| {
            *one == family
                && version >= *since
                && systems.iter().any(|system| self.platform.contains(system))
        })
    }
}

/// The version of Safari with this version of WebKit. A view inside an app of macOS names only the
/// engine: 601 came with Safari 9, 602 and 603 with 10, 604 with 11.
fn safari_of((webkit, _): Version) -> Version {
    match webkit {
        ..=600 => (8, 0),
        601 => (9, 1),
        602..=603 => (10, 0),
        604.. => (11, 0),
    }
}

/// The version at the beginning of a text, `17.4` of `17.4.1` and of `17_4_1`.
fn version_of(text: &str) -> Option<Version> {
    let mut numbers = text.split(['.', '_']).map(|number| {
        let end = number.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(number.len());
        number[..end].parse().ok()
    });
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

/// A part of a User-Agent (RFC 9110 §10.1.5).
enum ClaimPart<'a> {
    /// A product, with its version.
    Product(&'a str),
    /// The text between two parentheses.
    Comment(&'a str),
}

/// The parts of the rest of a User-Agent.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = ClaimPart<'a>;

    fn next(&mut self) -> Option<ClaimPart<'a>> {
        let rest = self.0.trim_start_matches([' ', '\t', ';', ',']);
        if let Some(comment) = rest.strip_prefix('(') {
            let end = end_of_comment(comment);
            self.0 = comment.get(end + 1..).unwrap_or("");
            return Some(ClaimPart::Comment(&comment[..end]));
        }
        if rest.is_empty() {
            return None;
        }
        let end = rest.find([' ', '\t', '(']).unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(ClaimPart::Product(rest[..end].trim_end_matches([';', ','])))
    }
}

/// The end of the comment that is open at the beginning of `text`; comments nest.
fn end_of_comment(text: &str) -> usize {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(user_agents: &[&str], owes: bool) {
        for user_agent in user_agents {
            assert_eq!(owes_browser_fields(user_agent.as_bytes()), owes, "{user_agent:?}");
        }
    }

    #[test]
    fn a_claim_is_measured_by_its_version() {
        let with = |form: &str, version: &str| form.replace('#', version);
        for (form, before, since) in [
            ("Mozilla/5.0 (Windows NT 6.0) Chrome/#.0.1.2 Safari/537.36", "49", "50"),
            ("Mozilla/5.0 (Linux; Android 6.0; K) Chrome/#.0.1.2 Mobile Safari/537.36", "50", "51"),
            ("Mozilla/5.0 (Android 6.0; Mobile; rv:9) Gecko/9.0 Firefox/#.0", "43", "44"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_12) Version/# Safari/1", "10.1", "11.0"),
            ("Mozilla/5.0 (iPad; CPU OS # like Mac OS X) CriOS/60.1 Safari/1", "10_3", "11_0"),
            ("Mozilla/5.0 (X11; Linux x86_64) Version/# Safari/605.1.15", "16.3", "16.4"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_12) AppleWebKit/#.1.15", "603", "604"),
        ] {
            check(&[&with(form, before)], false);
            check(&[&with(form, since), &with(form, "999")], true);
        }
    }

    #[test]
    fn old_browsers_of_the_desktop_that_nobody_runs() {
        check(
            &[
                "Mozilla/5.0 (Windows NT 10.0) Chrome/49.0.1.2 Safari/537.36",
                "Mozilla/5.0 (Windows NT 5.1) Chrome/48.0.1.2 Safari/537.36",
                "Mozilla/5.0 (Windows NT 6.1; rv:43.0) Gecko/20100101 Firefox/43.0",
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9) Version/9.0 Safari/601.1",
                "Mozilla/5.0 (Windows NT 6.1) Version/5.1 Safari/534.57",
                "Mozilla/5.0 (X11; Linux x86_64) Version/12.0 Safari/605.1.15",
                "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
                "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0; MAAR; GTB7.5)",
            ],
            true,
        );
        check(
            &[
                "Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko",
                "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/8.0; .NET4.0E)",
            ],
            false,
        );
    }

    #[test]
    fn who_names_nobody() {
        check(
            &[
                "Mozilla/5.0",
                "Mozilla",
                "Mozilla/5.0 ()",
                "Mozilla/5.0 (compatible; )",
                "Mozilla/5.0 (X11; U; Linux i686 (x86_64); en-US; rv:1.9)",
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7",
                "Mozilla/5.0 (compatible) AppleWebKit Chrome Safari",
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101",
            ],
            true,
        );
    }

    #[test]
    fn a_name_of_its_own() {
        check(
            &[
                "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/60.0 Zotero/5.0",
                "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36; Reader",
                "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36 (Reader)",
                "Mozilla/5.0 (X11; Linux x86_64; Reader) Chrome/120.0.0.0 Safari/537.36",
                "Mozilla/5.0 (KHTML, like Gecko; compatible; Reader/1) Chrome/120.0.0.0",
                "Mozilla/5.0 (Linux; Android 8; Reader/1) Chrome/120.0.0.0 Mobile",
                "Mozilla/5.0 (compatible; Reader)",
                "Mozilla/5.0 (Reader",
                "Mozilla/5.0 Reader",
                "Mozilla/5.0 (PlayStation 4 11.00) AppleWebKit/605.1.15 (KHTML, like Gecko)",
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) Edge/18.1 Chrome/64.0",
            ],
            false,
        );
        assert!(!owes_browser_fields(b"Mozilla/5.0 \xff"));
    }
}
