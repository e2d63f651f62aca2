//! The hash of a file's content: made once for each version, and waited for by nobody.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::Scene;
use crate::site::{Found, Need, Representation};

impl Scene {
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
