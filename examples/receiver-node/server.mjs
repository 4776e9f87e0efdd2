// Receives optin's webhooks, verifies them by Standard Webhooks 1.0.0, and acts once on each.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = Buffer.from((process.env.DEMO_WEBHOOK_SECRET ?? "").replace(/^whsec_/, ""), "base64");
if (secret.length < 24) {
  console.error("DEMO_WEBHOOK_SECRET must be the webhook's secret of optin's configuration: whsec_…");
  process.exit(1);
}
const [host, port] = (process.env.LISTEN ?? "127.0.0.1:9000").split(":");
const done = new Set(); // webhook-ids; keep yours in your database, in the transaction of your work

// Reports whether the secret signed exactly these bytes less than five minutes ago.
function genuine(headers, body) {
  const sent = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > 300) return false;
  const want = createHmac("sha256", secret).update(`${headers["webhook-id"]}.${sent}.`).update(body).digest();
  return (headers["webhook-signature"] ?? "").split(" ").some((signature) => { // several while a secret is being changed
    const [version, value] = signature.split(",");
    const got = Buffer.from(value ?? "", "base64");
    return version === "v1" && got.length === want.length && timingSafeEqual(got, want);
  });
}

// Returns the status of one call.
function take(headers, body) {
  if (!genuine(headers, body)) return 401;
  const id = headers["webhook-id"];
  if (done.has(id)) return 204; // an event is sent again if the response was lost
  try {
    const { type, data } = JSON.parse(body);
    console.log(type, data.id); // your work
  } catch (cause) {
    console.error("not done:", cause.message);
    return 500; // the event is sent again
  }
  done.add(id);
  return 204;
}

createServer(async (request, response) => {
  const parts = [];
  let length = 0;
  try {
    for await (const part of request) {
      if ((length += part.length) > 1 << 20) return response.writeHead(413).end();
      parts.push(part);
    }
    response.writeHead(take(request.headers, Buffer.concat(parts))).end();
  } catch {
    response.destroy(); // the caller disconnected
  }
}).listen(Number(port), host);
