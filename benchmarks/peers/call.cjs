// What every Node peer sends for a call: as much as the product does, on connections kept alive.
const { Agent, request } = require("undici");

const dispatcher = new Agent({ connections: 256, pipelining: 1 });
const url = process.env.BENCH_URL + "/calls";
const due = Number(process.env.BENCH_DUE) * 1000;
const scheduledTime = new Date(due).toISOString();

function body(number) {
  const id = number.toString(16).padStart(8, "0");
  return JSON.stringify({
    attempt_id: `${id}-0000-7000-8000-000000000000`,
    execution_id: `${id}-0000-5000-8000-000000000000`,
    schedule_id: `${id}-0000-7000-8000-000000000001`,
    agent_id: "agent-123",
    phone_number: "+1202" + String(number).padStart(7, "0"),
    customer_context: { name: "Ada" },
    metadata: { n: number },
    scheduled_time: scheduledTime,
    callback_url: "http://localhost:8010/api/callbacks/http/0123456789abcdef",
  });
}

async function post(number) {
  const answer = await request(url, {
    method: "POST",
    dispatcher,
    headers: { "content-type": "application/json" },
    body: body(number),
  });
  await answer.body.json();
  if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
}

module.exports = { due, post, count: Number(process.env.BENCH_COUNT) };
