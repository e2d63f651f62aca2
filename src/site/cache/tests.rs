//! The cache over real folders.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tempfile::TempDir;

use crate::coding::Coding;
use crate::process::clock::Tick;
use crate::site::lookup;
use crate::site::root::Root;
use crate::site::{
    Availability, Background, ContentSource, Found, Need, Representation, Sites, SitesFolder,
};

/// A folder, its one site, and the counters of its cache.
struct Scene {
    folder: TempDir,
    sites: Sites,
    background: Background,
}

impl Scene {
    fn new(cache_bound: u64, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        fs::create_dir(&site).unwrap();
        for (name, content) in files {
            fs::write(site.join(name), content).unwrap();
        }
        let background = Background::start().unwrap();
        let source = SitesFolder { folder: site, single: true, cache_bound };
        let (sites, _) = Sites::load(&source, background.clone()).unwrap();
        Self { folder, sites, background }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    async fn find(&self, path: &str) -> Found {
        let site = Arc::clone(self.sites.all()[0]);
        self.sites.find(&site, path, Need::Content).await
    }

    /// The answer, if there is one without any waiting.
    fn find_at_once(&self, path: &str) -> Option<Found> {
        match pin!(self.find(path)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => Some(found),
            Poll::Pending => None,
        }
    }

    /// The answer, if there is one without a filling.
    fn find_without_fill(&self, path: &str) -> Option<Found> {
        let fills = || self.background.counters().fills().total();
        let before = fills();
        let found = self.find_at_once(path);
        found.filter(|_| fills() == before)
    }

    #[track_caller]
    fn content(found: &Found) -> Vec<u8> {
        let Found::File(file) = found else { panic!("{found:?}") };
        let ContentSource::Held(bytes) = file.identity().content() else { panic!("streamed") };
        bytes.to_vec()
    }

    /// Waits until the trust in what was read just now has passed.
    async fn distrust(&self) {
        tokio::time::sleep_until(tokio::time::Instant::now() + 2 * super::TRUST).await;
    }
}

#[tokio::test]
async fn a_hit_is_the_very_same_representation() {
    let scene = Scene::new(1 << 20, &[("a.txt", "1")]);
    scene.find("/a.txt").await;
    // The first reading may have been of a file too young to be believed.
    scene.distrust().await;
    let (Found::File(one), Found::File(other)) =
        (scene.find("/a.txt").await, scene.find("/a.txt").await)
    else {
        panic!("not a file")
    };
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(scene.background.counters().evictions().total(), 0);
}

#[tokio::test]
async fn many_clients_cause_one_filling() {
    let scene = Arc::new(Scene::new(4 << 20, &[("a.txt", &"x".repeat(900_000))]));
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let scene = Arc::clone(&scene);
            tokio::spawn(async move { Scene::content(&scene.find("/a.txt").await).len() })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.unwrap(), 900_000);
    }
    assert_eq!(scene.background.counters().fills().total(), 1);
}

#[tokio::test]
async fn a_change_is_seen_whatever_its_size_and_time() {
    let scene = Scene::new(1 << 20, &[("a.txt", "one")]);
    let file = scene.path().join("a.txt");
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    for content in ["two", "six", "ten"] {
        assert_ne!(Scene::content(&scene.find("/a.txt").await), content.as_bytes());
        fs::write(&file, content).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        scene.distrust().await;
        assert_eq!(Scene::content(&scene.find("/a.txt").await), content.as_bytes());
    }
}

#[tokio::test]
async fn the_bound_holds() {
    const BOUND: u64 = 256 * 1024;
    let files: Vec<_> = (0..200).map(|at| (format!("{at}.txt"), "y".repeat(4096))).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let scene = Scene::new(BOUND, &files);
    for (name, text) in &files {
        assert_eq!(Scene::content(&scene.find(&format!("/{name}")).await), text.as_bytes());
        assert!(scene.sites.cache().weight() <= BOUND, "{}", scene.sites.cache().weight());
    }
    assert!(scene.background.counters().evictions().total() > 100);
}

#[tokio::test]
async fn without_a_cache_nothing_is_kept() {
    let scene = Scene::new(0, &[("a.txt", "1")]);
    for fills in 1..4 {
        assert_eq!(Scene::content(&scene.find("/a.txt").await), b"1");
        assert_eq!(scene.background.counters().fills().total(), fills);
    }
    assert_eq!(scene.sites.cache().weight(), 0);
}

#[tokio::test]
async fn coded_forms_are_made_once_and_counted() {
    let text = "a line of text that shrinks well\n".repeat(1_000);
    let scene = Scene::new(1 << 20, &[("a.txt", &text)]);
    scene.find("/a.txt").await;
    scene.distrust().await;
    let Found::File(file) = scene.find("/a.txt").await else { panic!("not a file") };
    let site = Arc::clone(scene.sites.all()[0]);
    let before = scene.sites.cache().weight();
    let form = || scene.sites.form(&site, "/a.txt", &file, Coding::Zstd, true);
    assert!(matches!(form(), Availability::Coming), "the first one is not kept waiting");
    while !matches!(form(), Availability::Ready(_)) {
        tokio::task::yield_now().await;
    }
    while scene.sites.cache().weight() == before {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.background.counters().encodings().total(), 1);
    let coded = file.weight() - file.identity().weight();
    assert_eq!(scene.sites.cache().weight() - before, coded);
}

#[tokio::test]
async fn a_sibling_is_used_and_its_going_seen() {
    let text = "a line of text\n".repeat(1_000);
    let scene = Scene::new(1 << 20, &[("a.txt", &text), ("a.txt.br", "sibling")]);
    let held = |file: &Arc<Representation>| {
        let site = Arc::clone(scene.sites.all()[0]);
        match scene.sites.form(&site, "/a.txt", file, Coding::Brotli, true) {
            Availability::Ready(form) => Some(form.length()),
            Availability::Coming | Availability::Never => None,
        }
    };
    let Found::File(file) = scene.find("/a.txt").await else { panic!("not a file") };
    assert_eq!(held(&file), Some(7));
    fs::remove_file(scene.path().join("a.txt.br")).unwrap();
    let gone = tokio::time::timeout(super::SIBLINGS_TRUST * 3, async {
        loop {
            let Found::File(file) = scene.find("/a.txt").await else { panic!("not a file") };
            if held(&file) != Some(7) {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn a_sibling_comes_and_goes_where_the_names_are_known() {
    let scene = Scene::new(1 << 20, &[("a.txt", &"a line of text\n".repeat(1_000))]);
    let sibling = scene.path().join("a.txt.br");
    let wait_for = async |expected: bool| {
        let came = tokio::time::timeout(super::SIBLINGS_TRUST * 3, async {
            loop {
                let Found::File(file) = scene.find("/a.txt").await else { panic!("not a file") };
                if file.has_siblings() == expected {
                    break;
                }
                tokio::task::yield_now().await;
            }
        });
        came.await.unwrap();
    };
    for _ in 0..2 {
        // A file is asked for until the names around it have been read.
        let site = Arc::clone(scene.sites.all()[0]);
        let is_known = || {
            let known = scene.sites.cache().folder(&site, "");
            known.is_some_and(|known| known.names().is_some_and(|names| !names.may_have("b", "")))
        };
        let learned = tokio::time::timeout(super::SIBLINGS_TRUST * 10, async {
            while !is_known() {
                scene.find("/a.txt").await;
                tokio::task::yield_now().await;
            }
        });
        learned.await.unwrap();
        fs::write(&sibling, "sibling").unwrap();
        wait_for(true).await;
        fs::remove_file(&sibling).unwrap();
        wait_for(false).await;
    }
}

#[tokio::test]
async fn nobody_who_asks_for_a_busy_page_waits_for_another_thread() {
    let scene = Scene::new(1 << 20, &[("a.txt", "1")]);
    let fills = || scene.background.counters().fills().total();
    // A file too young to be believed is read again each time.
    loop {
        scene.find("/a.txt").await;
        scene.distrust().await;
        let before = fills();
        if scene.find_at_once("/a.txt").is_some() && fills() == before {
            break;
        }
    }
    // Long enough for its facts and its siblings to be asked about several times.
    let (before, until) = (fills(), Tick::now().after(3 * super::SIBLINGS_TRUST));
    while Tick::now() < until {
        assert!(scene.find_at_once("/a.txt").is_some());
        tokio::task::yield_now().await;
    }
    assert_eq!(fills(), before);
}

#[tokio::test]
async fn nothing_is_missing_while_a_folder_is_replaced() {
    let scene = Scene::new(1 << 20, &[("a.txt", "1")]);
    scene.find("/a.txt").await;
    let next = scene.folder.path().join("next");
    fs::create_dir(&next).unwrap();
    fs::write(next.join("b.txt"), "2").unwrap();
    fs::remove_dir_all(scene.path()).unwrap();
    fs::rename(&next, scene.path()).unwrap();
    assert_eq!(Scene::content(&scene.find("/b.txt").await), b"2");
    scene.distrust().await;
    assert!(matches!(scene.find("/a.txt").await, Found::Missing(None)));
}

/// Everything that a path may be missing in, or be there beside.
const TREE: [&str; 11] = [
    "twin.html",
    "twin/a.txt",
    "notes/index.htm",
    "index.html",
    "about.html",
    "404.html",
    "blog/404.html",
    "blog/post/a.txt",
    "bare/deeper/x.txt",
    "Mixed/Case.txt",
    "stray/a.txt",
];

/// Paths of that tree, most of which lead to nothing.
const PATHS: [&str; 33] = [
    "/twin",
    "/twin/",
    "/twin/b",
    "/twin/b/",
    "/notes/",
    "/notes/index.htm",
    "/notes/index.xhtml",
    "/link/nothing/",
    "/",
    "/about",
    "/about/",
    "/about.html",
    "/about.html/x",
    "/index.html",
    "/nothing",
    "/nothing/",
    "/nothing.html",
    "/nothing/at/all",
    "/404.html",
    "/blog",
    "/blog/",
    "/blog/nothing",
    "/blog/post/",
    "/blog/post/a.txt",
    "/blog/post/b/c",
    "/bare/",
    "/bare/deeper/y.txt",
    "/mixed/case.txt",
    "/größe",
    "/blog/größe/x",
    "/link/nothing",
    "/out/nothing",
    "/stray/nothing",
];

impl Scene {
    /// A scene of [`TREE`] and links, some of which lead out; old enough to be believed.
    async fn of_tree() -> Self {
        let scene = Self::new(1 << 20, &[]);
        for name in TREE {
            let file = scene.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, name).unwrap();
        }
        symlink("blog", scene.path().join("link")).unwrap();
        symlink(scene.folder.path(), scene.path().join("out")).unwrap();
        symlink("/etc/hostname", scene.path().join("stray/404.html")).unwrap();
        scene.learn().await;
        scene
    }

    /// Asks for what is missing until every folder's names are known.
    async fn learn(&self) {
        for folder in ["/", "/blog/", "/blog/post/", "/bare/deeper/", "/link/", "/twin/"] {
            self.learn_names_of(folder).await;
        }
        // Of this one, nothing is to be learned.
        self.find("/stray/missing").await;
    }

    /// Asks for what is missing in a folder until its names are known: at first it is too young to be
    /// believed.
    async fn learn_names_of(&self, folder: &str) {
        for number in 0..20 {
            if self.find_without_fill(&format!("{folder}missing-{number}")).is_some() {
                return;
            }
            if number > 0 {
                self.distrust().await;
            }
            self.find(&format!("{folder}missing")).await;
        }
        panic!("{folder} is not believed: is it on a file system that need not tell of changes?");
    }

    /// The answer by the disk alone.
    fn placed(&self, path: &str) -> String {
        let root = Root::open(&self.path()).unwrap().latest().unwrap();
        let found = lookup::find(&root, path).unwrap();
        told(&found.map(|file| file.relative.to_string()))
    }
}

fn seen(found: Found) -> String {
    told(&found.map(|file| file.relative().to_owned()))
}

fn told(found: &Found<String>) -> String {
    match found {
        Found::File(name) => format!("file {name}"),
        Found::Folder => "folder".into(),
        Found::Index => "index".into(),
        Found::Missing(page) => format!("missing, {page:?}"),
        found => format!("{found:?}"),
    }
}

#[tokio::test]
async fn what_is_known_to_be_missing_is_what_the_disk_has_not() {
    let scene = Scene::of_tree().await;
    let mut at_once = 0;
    for path in PATHS {
        let known = scene.find_without_fill(path);
        at_once += usize::from(known.is_some());
        let found = match known {
            Some(found) => found,
            None => scene.find(path).await,
        };
        assert_eq!(seen(found), scene.placed(path), "{path}");
    }
    assert_eq!(at_once, 14, "of those, nobody had to look for");
}

#[tokio::test]
async fn a_storm_of_missing_paths_asks_the_disk_for_none_and_keeps_none() {
    let scene = Scene::of_tree().await;
    let (fills, weight) =
        (scene.background.counters().fills().total(), scene.sites.cache().weight());
    for number in 0..1_000 {
        let path = format!("/blog/{number}/wp-login.php");
        let found = scene.find_without_fill(&path).expect("known without a look");
        assert_eq!(seen(found), scene.placed("/blog/nothing"));
    }
    assert_eq!(scene.background.counters().fills().total(), fills);
    assert_eq!(scene.sites.cache().weight(), weight);
}

#[tokio::test]
async fn names_are_counted() {
    let mut weights = Vec::new();
    for count in [0, 4_000] {
        let scene = Scene::new(1 << 20, &[]);
        for number in 0..count {
            fs::write(scene.path().join(number.to_string()), "").unwrap();
        }
        scene.learn_names_of("/").await;
        weights.push(scene.sites.cache().weight());
    }
    // Other entries there are a few of.
    assert!((30_000..40_000).contains(&(weights[1] - weights[0])), "{weights:?}");
}

/// A change of a site.
type Come = Box<dyn Fn(&Path)>;

#[tokio::test]
async fn what_was_missing_is_found_when_it_has_come() {
    let write = |name| move |site: &Path| fs::write(site.join(name), name).unwrap();
    let comes: [(&str, Come); 12] = [
        ("/twin/b/", Box::new(write("twin/b.html"))),
        ("/nothing/", Box::new(write("nothing.html"))),
        ("/blog/nothing/", Box::new(write("blog/nothing.html"))),
        ("/bare/deeper/", Box::new(write("bare/deeper.html"))),
        ("/new.html", Box::new(write("new.html"))),
        ("/clean", Box::new(write("clean.html"))),
        ("/blog/new.txt", Box::new(write("blog/new.txt"))),
        ("/link/late.txt", Box::new(write("blog/late.txt"))),
        ("/nothing", Box::new(|site| fs::remove_file(site.join("404.html")).unwrap())),
        ("/blog/nothing", Box::new(|site| fs::remove_file(site.join("blog/404.html")).unwrap())),
        (
            "/folder/x.txt",
            Box::new(|site| {
                fs::create_dir(site.join("folder")).unwrap();
                fs::write(site.join("folder/x.txt"), "x").unwrap();
            }),
        ),
        (
            "/blog/moved.txt",
            Box::new(|site| {
                let other = site.with_file_name("other");
                fs::create_dir(&other).unwrap();
                fs::write(other.join("moved.txt"), "moved").unwrap();
                fs::remove_file(site.join("link")).unwrap();
                fs::rename(site.join("blog"), site.with_file_name("old")).unwrap();
                fs::rename(other, site.join("blog")).unwrap();
            }),
        ),
    ];
    for (path, come) in comes {
        let scene = Scene::of_tree().await;
        let before = scene.find_without_fill(path).expect("known to be missing");
        let before = seen(before);
        assert_eq!(before, scene.placed(path), "{path}");
        come(&scene.path());
        assert_ne!(before, scene.placed(path), "{path}");
        scene.distrust().await;
        assert_eq!(seen(scene.find(path).await), scene.placed(path), "{path}");
    }
}

#[tokio::test]
async fn a_page_of_a_folder_that_is_put_in_place_is_not_missing() {
    let scene = Scene::of_tree().await;
    assert!(scene.find_without_fill("/new.txt").is_some());
    let link = scene.path();
    let releases = [scene.folder.path().join("one"), scene.folder.path().join("two")];
    fs::rename(&link, &releases[0]).unwrap();
    fs::create_dir(&releases[1]).unwrap();
    fs::write(releases[1].join("new.txt"), "new").unwrap();
    symlink(&releases[0], &link).unwrap();
    scene.distrust().await;
    scene.learn().await;
    assert!(scene.find_without_fill("/new.txt").is_some());
    let beside = link.with_file_name("beside");
    symlink(&releases[1], &beside).unwrap();
    // Of the first release, nothing changes.
    fs::rename(&beside, &link).unwrap();
    scene.distrust().await;
    assert_eq!(Scene::content(&scene.find("/new.txt").await), b"new");
}

impl Scene {
    /// Waits until what was written by now is old enough to be believed.
    async fn age(&self) {
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(300)).await;
    }

    async fn find_facts(&self, path: &str) -> Arc<Representation> {
        let site = Arc::clone(self.sites.all()[0]);
        match self.sites.find(&site, path, Need::Facts).await {
            Found::File(file) => file,
            found => panic!("{found:?}"),
        }
    }

    fn hashes(&self) -> u64 {
        self.background.counters().hashes().total()
    }
}

#[tokio::test]
async fn a_file_is_hashed_once_for_each_version_not_for_each_stay() {
    const FILES: u64 = 24;
    let text = "z".repeat(100_000);
    let names: Vec<_> = (0..FILES).map(|at| format!("{at}.bin")).collect();
    let files: Vec<_> = names.iter().map(|name| (&**name, &*text)).collect();
    // Room for a few of them.
    let scene = Scene::new(400_000, &files);
    scene.age().await;
    for _ in 0..3 {
        for name in &names {
            let path = format!("/{name}");
            let file = scene.find_facts(&path).await;
            assert!(file.inspection().is_some() && file.identity().length() == 100_000);
            assert_eq!(Scene::content(&scene.find(&path).await), text.as_bytes());
        }
    }
    assert!(scene.background.counters().evictions().total() > FILES);
    assert_eq!(scene.hashes(), FILES);
    fs::write(scene.path().join("0.bin"), text.replace('z', "y")).unwrap();
    scene.age().await;
    scene.find_facts("/0.bin").await;
    assert_eq!(scene.hashes(), FILES + 1);
}

#[tokio::test]
async fn facts_are_had_without_keeping_content() {
    let scene = Scene::new(4 << 20, &[("a.bin", &"z".repeat(900_000))]);
    scene.age().await;
    for _ in 0..2 {
        let file = scene.find_facts("/a.bin").await;
        assert!(file.is_unread() && file.inspection().is_some());
        assert!(scene.sites.cache().weight() < 10_000, "{}", scene.sites.cache().weight());
    }
    scene.find("/a.bin").await;
    assert!(!scene.find_facts("/a.bin").await.is_unread(), "what is there is used");
    assert_eq!(scene.hashes(), 1);
}

/// Tells when it is dropped.
struct Large(std::sync::mpsc::Sender<()>);

impl Drop for Large {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[tokio::test]
async fn nobody_waits_for_the_hash_of_terabytes() {
    let scene = Scene::new(1 << 20, &[("small.txt", "1")]);
    let sparse = |name: &str, length| {
        let file = fs::File::create(scene.path().join(name)).unwrap();
        file.set_len(length).unwrap();
    };
    sparse("film.mp4", 15 << 40);
    scene.age().await;
    scene.find_facts("/film.mp4").await;
    // Another file has its turn.
    sparse("clip.mp4", 2 << 20);
    scene.age().await;
    let clip = scene.find_facts("/clip.mp4").await;
    while clip.inspection().is_none() {
        tokio::task::yield_now().await;
    }
    // What is let go of goes at once, and the hash of what nobody serves any more is given up.
    let (dropped, wait) = std::sync::mpsc::channel();
    scene.background.drop(Large(dropped));
    wait.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[tokio::test]
async fn deep_paths_are_looked_up_elsewhere() {
    let scene = Scene::new(4 << 20, &[]);
    let deep = "/a".repeat(200);
    fs::create_dir_all(scene.path().join(&deep[1..])).unwrap();
    scene.age().await;
    for number in 0..3 {
        let path = format!("{deep}/{number}");
        assert!(scene.find_at_once(&path).is_none(), "on a serving thread");
        assert!(matches!(scene.find(&path).await, Found::Missing(None)));
    }
    // Of its folders some are known, and of a path beneath those it is known at once.
    scene.find("/a/a/missing").await;
    assert!(scene.find_without_fill("/a/a/missing-too").is_some());
}
