// Stores the calls: delayed jobs by addBulk, or a job scheduler for each cron expression.
const { Queue } = require("bullmq");
const { count, due } = require("./call.cjs");

const AT_ONCE = 1000;
const ZONES = process.env.BENCH_ZONES.split(",");

// the minute and hour of `due` in a zone
function cron(zone) {
  const options = { timeZone: zone, hour: "numeric", minute: "numeric", hourCycle: "h23" };
  const parts = new Intl.DateTimeFormat("en", options).formatToParts(due);
  const get = (type) => Number(parts.find((part) => part.type === type).value);
  return `${get("minute")} ${get("hour")} * * *`;
}

async function main() {
  const queue = new Queue("calls", { connection: { path: process.env.REDIS_SOCKET } });
  for (let start = 0; start < count; start += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, i) => start + i);
    if (process.env.BENCH_SCENARIO === "recurring") {
      await Promise.all(
        numbers.map((n) => {
          const tz = ZONES[n % ZONES.length];
          return queue.upsertJobScheduler(`s${n}`, { pattern: cron(tz), tz }, { data: { n } });
        }),
      );
    } else {
      const delay = due - Date.now();
      await queue.addBulk(numbers.map((n) => ({ name: "call", data: { n }, opts: { delay } })));
    }
  }
  await queue.close();
}

main();
