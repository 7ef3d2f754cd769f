// Makes the tables, or stores the calls by insert.
const boss = require("./boss.cjs")();
const { count, due } = require("./call.cjs");

const AT_ONCE = 1000;

async function main() {
  await boss.start();
  if (process.env.BENCH_SCENARIO === "setup") {
    await boss.createQueue("calls");
  } else {
    const startAfter = new Date(due);
    for (let start = 0; start < count; start += AT_ONCE) {
      const size = Math.min(AT_ONCE, count - start);
      const jobs = Array.from({ length: size }, (_, i) => ({
        name: "calls", data: { n: start + i }, startAfter,
      }));
      await boss.insert(jobs);
    }
  }
  await boss.stop({ graceful: false });
  process.exit(0);
}

main();
