// Makes the calls, a batch of rows at a time, up to 200 of them at once.
const boss = require("./boss.cjs")();
const { post } = require("./call.cjs");

const AT_ONCE = 200;

async function handle(jobs) {
  const waiting = jobs.map((job) => job.data.n);
  const lane = async () => {
    while (waiting.length) await post(waiting.shift());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function main() {
  await boss.start();
  // half a second is the shortest interval that it allows
  await boss.work("calls", { batchSize: 1000, pollingIntervalSeconds: 0.5 }, handle);
  console.log("ready");
}

main();
