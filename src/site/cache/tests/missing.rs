//! Paths that lead to nothing, and the names in folders that tell so.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use super::Scene;
use crate::site::root::Root;
use crate::site::{Found, lookup};

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

#[tokio::test]
async fn deep_paths_are_looked_up_elsewhere() {
    let scene = Scene::new(4 << 20, &[]);
    let deep = "/a".repeat(200);
    fs::create_dir_all(scene.path().join(&deep[1..])).unwrap();
    scene.age().await;
    for number in 0..3 {
        let path = format!("{deep}/{number}");
        // Another thread may have been so quick that the answer is there at once all the same.
        assert!(scene.find_without_fill(&path).is_none(), "on a serving thread");
        assert!(matches!(scene.find(&path).await, Found::Missing(None)));
    }
    // Of its folders some are known, and of a path beneath those it is known at once.
    // What is known counts for a moment, which may have passed.
    let known = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            scene.find("/a/a/missing").await;
            if scene.find_without_fill("/a/a/missing-too").is_some() {
                break;
            }
        }
    });
    known.await.expect("its folders become known");
}
