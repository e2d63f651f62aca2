// Memory that a worker shares with the page, which browsers allow to isolated pages alone.

globalThis.share = () => new Promise(resolve => {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker("/worker.js");
  worker.onmessage = () => resolve(Atomics.load(shared, 0));
  worker.postMessage(shared);
});
