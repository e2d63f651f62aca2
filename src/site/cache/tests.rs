//! The cache over real folders.

mod hashing;
mod missing;

use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tempfile::TempDir;

use crate::coding::Coding;
use crate::process::clock::{self, Tick};
use crate::site::{
    Availability, Background, ContentSource, Found, Need, Representation, Site, Sites, SitesFolder,
    WantedForm,
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

    /// Makes as if nobody had asked for anything in a long time.
    fn forget_checks(&self) {
        for (_, held) in self.sites.cache().slots.iter() {
            if let Some(known) = held.slot.known.load().as_ref() {
                known.checked.store(Tick::default());
                known.siblings_checked.store(Tick::default());
            }
        }
    }

    #[track_caller]
    fn content(found: &Found) -> Vec<u8> {
        let Found::File(file) = found else { panic!("{found:?}") };
        let ContentSource::Held(bytes) = file.identity().content() else { panic!("streamed") };
        bytes.to_vec()
    }

    fn form(
        &self,
        site: &Site,
        representation: &Arc<Representation>,
        coding: Coding,
    ) -> Availability {
        let wanted = WantedForm { site, path: "/a.txt", representation, coding, may_claim: true };
        self.sites.form(&wanted)
    }

    /// Waits until what was written by now is old enough to be believed.
    async fn age(&self) {
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(300)).await;
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
    let form = || scene.form(&site, &file, Coding::Zstd);
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
async fn a_change_in_the_future_was_made_by_the_clock_of_the_date_field() {
    let scene = Scene::new(1 << 20, &[("a.txt", "1")]);
    let file = fs::File::options().write(true).open(scene.path().join("a.txt")).unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_hours(24)).unwrap();
    let Found::File(found) = scene.find("/a.txt").await else { panic!("not a file") };
    assert!(found.last_modified() <= clock::wall());
}

#[tokio::test]
async fn a_sibling_is_used_and_its_going_seen() {
    let text = "a line of text\n".repeat(1_000);
    let scene = Scene::new(1 << 20, &[("a.txt", &text), ("a.txt.br", "sibling")]);
    let held = |file: &Arc<Representation>| {
        let site = Arc::clone(scene.sites.all()[0]);
        match scene.form(&site, file, Coding::Brotli) {
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
async fn what_nobody_asked_for_in_a_long_time_is_checked_on_the_spot_where_no_disk_is_asked() {
    let long = "a line of text\n".repeat(1_000);
    let scene = Scene::new(1 << 20, &[("a.txt", &long), ("b.txt", &long), ("b.txt.br", "sibling")]);
    scene.age().await;
    for path in ["/a.txt", "/b.txt"] {
        scene.find(path).await;
        scene.forget_checks();
        // Nobody has read the names in its folder yet, which tell of forms beside it.
        assert!(scene.find_without_fill(path).is_none(), "{path}");
        scene.find(path).await;
    }
    scene.forget_checks();
    assert!(scene.find_without_fill("/a.txt").is_some(), "the kernel has its names in memory");
    assert!(scene.find_without_fill("/b.txt").is_none(), "a form beside it has to be looked at");
    fs::write(scene.path().join("a.txt"), "2").unwrap();
    scene.forget_checks();
    assert!(scene.find_without_fill("/a.txt").is_none(), "it has changed");
    assert_eq!(Scene::content(&scene.find("/a.txt").await), b"2");
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
