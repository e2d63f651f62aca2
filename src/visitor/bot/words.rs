//! The words of a browser's User-Agent that name no device, app or tool.
//!
//! Every list may lack a word: a client that is none of today's fakes is then let in, no more.

/// Products that browsers write, and brands of browsers that are Chromium or Gecko inside.
const PRODUCTS: &[&str] = &[
    "Mozilla",
    "AppleWebKit",
    "Gecko",
    "like",
    "Safari",
    "Presto", // engines
    "Edg",
    "Edge",
    "EdgA",
    "EdgiOS",
    "OPR",
    "OPT",
    "OPX",
    "Opera",
    "CriOS",
    "FxiOS",
    "Vivaldi",
    "YaBrowser",
    "Yowser",
    "SamsungBrowser",
    "UCBrowser",
    "MiuiBrowser",
    "QQBrowser",
    "MQQBrowser",
    "Maxthon",
    "MetaSr",
    "SE",
    "2.X",
    "360SE",
    "LBBROWSER",
    "TheWorld",
    "Iron",
    "Brave",
    "Whale",
    "Avast",
    "AVG",
    "CCleaner",
    "coc_coc_browser",
    "Sleipnir",
    "Netscape",
    "Netscape6",
    "Navigator",
    "Minefield",
    "Iceweasel",
    "Flock",
    "Camino",
];

/// Distributions that put their own version beside that of an old browser.
const DISTRIBUTIONS: &[&str] =
    &["Ubuntu", "Debian", "Fedora", "CentOS", "SUSE", "Gentoo", "Mandriva", "Red", "Hat"];

/// Beginnings of the items of a platform.
const PLATFORMS: &[&str] = &[
    "Windows NT",
    "Windows 9",
    "Windows ME",
    "Windows XP",
    "Win64",
    "Win32",
    "Win9",
    "WinNT",
    "WOW64",
    "x64",
    "x86",
    "i386",
    "i586",
    "i686",
    "arm",
    "aarch64",
    "amd64",
    "Macintosh",
    "Intel Mac OS X",
    "PPC Mac OS X",
    "Mac OS X",
    "CPU ",
    "X11",
    "Wayland",
    "Linux x86",
    "Linux i",
    "Linux arm",
    "Linux aarch64",
    "Linux ppc",
    "Ubuntu",
    "Fedora",
    "Debian",
    "CrOS",
    "FreeBSD",
    "OpenBSD",
    "NetBSD",
    "Android",
    "Mobile",
    "Tablet",
    "iPhone",
    "iPad",
    "iPod",
    "rv:",
    "wv",
];

/// Beginnings of further items that Internet Explorer and its toolbars write.
const EXPLORER: &[&str] = &[
    "MSIE ",
    "Trident/",
    ".NET",
    "SLCC",
    "Media Center PC",
    "InfoPath",
    "Tablet PC",
    "GTB",
    "Touch",
    "Zune",
    "MS-RTC",
    "FunWebProducts",
    "Maxthon",
    "MyIE2",
    "Avant Browser",
    "AOL ",
    "Alexa Toolbar",
    "QQDownload",
    "TencentTraveler",
    "TheWorld",
    "360SE",
    "SE 2.X",
    "Win 9x",
    "Creative AutoUpdate",
    "America Online Browser",
    "Mozilla/4.0",
    "Windows 2000",
];

/// Items that are an iPhone, an iPad, or a phone or tablet of any kind.
pub(super) fn is_mobile(item: &str) -> bool {
    ["Mobile", "Tablet", "iPhone", "iPad", "iPod"].iter().any(|kind| item.starts_with(kind))
}

/// Products that do not tell who sends them; so do none without a letter.
pub(super) fn is_usual_product(name: &str) -> bool {
    is_distribution(name)
        || PRODUCTS.iter().any(|usual| usual.eq_ignore_ascii_case(name))
        || !name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

pub(super) fn is_distribution(name: &str) -> bool {
    DISTRIBUTIONS.contains(&name)
}

/// Comments behind the platform that every browser has.
pub(super) fn is_usual_comment(comment: &str) -> bool {
    matches!(comment.trim(), "KHTML, like Gecko" | "KHTML like Gecko" | "like Gecko" | "")
        || comment.starts_with(".NET CLR")
}

/// Items of a platform that do not tell who sends them; with `explorer`, Internet Explorer's too.
pub(super) fn is_platform(item: &str, explorer: bool) -> bool {
    item.is_empty()
        || ["compatible", "Windows", "Linux", "GNU/Linux", "U", "I", "N", "K"].contains(&item)
        || PLATFORMS.iter().any(|usual| starts_with_ignoring_case(item, usual))
        || is_language(item)
        || explorer
            && (EXPLORER.iter().any(|usual| starts_with_ignoring_case(item, usual))
                || is_maker(item))
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// A language tag such as `en`, `de-DE` or `zh-Hans-CN` (RFC 5646).
fn is_language(item: &str) -> bool {
    let mut subtags = item.split(['-', '_']);
    subtags.next().is_some_and(|language| language.len() == 2)
        && subtags.all(|subtag| (2..=4).contains(&subtag.len()))
        && item.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'))
}

/// Letters by which makers of computers marked their copies of Internet Explorer: `MAAR`, `SV1`.
fn is_maker(item: &str) -> bool {
    (2..=8).contains(&item.len())
        && item.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
