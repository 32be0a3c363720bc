// The page of one key prompt: it fetches what is signed, asks the browser for
// the key and hands the answer to the gateway. It decides nothing: the gateway
// and every later verifier check the bytes.

const id = location.pathname.split("/").pop();
const $ = (name) => document.getElementById(name);
const show = (name, visible = true) => { $(name).hidden = !visible; };

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** Whether a key is enrolled that somebody else has yet to admit. */
let enrolling = false;

class Refused extends Error {}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`/v1/ceremonies/${id}${path}`, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Refused("The gateway does not answer. Is the console still open?");
  }
  if (response.status === 204) return null;
  const reply = await response.json();
  if (!response.ok) throw new Refused(reply.detail);
  return reply;
}

function problem(error) {
  const cancelled = error instanceof DOMException;
  const words = {
    NotAllowedError: "The browser was cancelled, or no key answered in time. Nothing happened; you can try again.",
    InvalidStateError: "This key cannot be used here: it is registered already, or it is not the one that was set up.",
    SecurityError: "The browser does not allow keys on this address. Open the page as http://localhost with the port that the console shows.",
    NotSupportedError: "This browser offers no key of a kind that is needed. Try another browser, or a software key in the console.",
  };
  $("problem").textContent = cancelled ? (words[error.name] ?? `${error.name}: ${error.message}`) : error.message;
  show("problem");
}

/** Runs one step with the button locked, and shows what went wrong. */
function onClick(label, step) {
  const go = $("go");
  go.textContent = label;
  go.onclick = async () => {
    go.disabled = true;
    show("problem", false);
    try { await step(); } catch (error) { problem(error); } finally { go.disabled = false; }
  };
  show("go");
}

function heading(title, lead) {
  $("title").textContent = title;
  document.title = `Vidimus: ${title}`;
  $("lead").textContent = lead;
}

function state(lines) {
  for (const { label, value } of lines) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = label;
    text.textContent = value === "" ? "(none)" : value;
    $("statement").append(term, text);
  }
  show("statement", lines.length > 0);
}

function over(title, lead) {
  heading(title, lead);
  for (const part of ["statement", "compare", "code-form", "go", "cancel", "help", "problem"]) show(part, false);
  document.body.dataset.state = "over";
}

const finished = {
  done: ["Done", "You can close this page and go back to the console."],
  cancelled: ["Cancelled", "Nothing happened. You can close this page."],
  failed: ["It did not work", "Nothing happened. The console says why; start again there."],
  busy: ["In use", "This key prompt is being finished in another window."],
};

async function sign(request) {
  const key = await navigator.credentials.get({
    publicKey: {
      challenge: toBytes(request.challenge),
      rpId: request.rp_id,
      allowCredentials: request.credentials.map((known) => ({ type: "public-key", id: toBytes(known) })),
      userVerification: "required",
      timeout: 110_000,
    },
  });
  const { ack } = await call("POST", "/assertion", {
    assertion: {
      authenticator_data: toText(key.response.authenticatorData),
      client_data_json: toText(key.response.clientDataJSON),
      credential_id: toText(key.rawId),
      signature: toText(key.response.signature),
    },
  });
  const claim = enrolling && ack?.entries[0];
  if (!claim) return over(...finished.done);
  over("Your key is enrolled", "It counts once it is admitted. Whoever admits it compares this with you, by voice.");
  state([{ label: "Fingerprint", value: await readAloud(claim.leaf) }]);
}

/** The first 64 bits of a leaf's hash in decimal, as the other end shows them. */
async function readAloud(leaf) {
  const bytes = new Uint8Array([0, ...new TextEncoder().encode(leaf)]);
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  const digits = new DataView(hash).getBigUint64(0).toString().padStart(20, "0");
  return digits.match(/.{4}/g).join(" ");
}

async function register(options) {
  const { publicKey } = options;
  const key = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: toBytes(publicKey.challenge),
      user: { ...publicKey.user, id: toBytes(publicKey.user.id) },
      excludeCredentials: [],
    },
  });
  const request = await call("POST", "/registration", {
    id: key.id,
    rawId: toText(key.rawId),
    type: key.type,
    response: {
      attestationObject: toText(key.response.attestationObject),
      clientDataJSON: toText(key.response.clientDataJSON),
    },
  });
  secondPrompt(request);
}

function secondPrompt(request) {
  const then = enrolling ? "" : " and opens your first session";
  heading("Now sign with it once", `The new key signs its own enrolment${then}. Until then nothing is stored.`);
  onClick("Sign with the new key", () => sign(request));
  $("go").focus();
}

function registration(options) {
  show("code-form", false);
  heading("Set up your key", "Your browser asks where the key should live. It asks twice: once to make the key, once to sign with it.");
  $("here").textContent = location.origin;
  show("help");
  onClick("Make a key", () => register(options));
  $("go").focus();
}

async function begin() {
  const page = await call("GET", "/page");
  if (finished[page.step]) return over(...finished[page.step]);
  show("cancel");
  $("cancel").onclick = async () => {
    try { await call("DELETE", ""); over(...finished.cancelled); } catch (error) { problem(error); }
  };
  if (!window.PublicKeyCredential) {
    heading("No keys here", "This browser offers no passkeys or security keys. Open this page in Firefox, Chromium, Chrome, Edge or Safari.");
    return;
  }
  enrolling = page.purpose === "credential.enrolled";
  if (enrolling || page.purpose === "setup") return beginSetup(page);
  heading(page.heading.title, page.heading.lead);
  state(page.statement);
  compare(page.code);
  onClick("Use your key", () => sign(page.request));
}

function compare(code) {
  $("code").textContent = `${code.slice(0, 3)} ${code.slice(3)}`;
  show("compare");
}

function beginSetup(page) {
  // Whoever came by the page for invited people has no console to compare with.
  if (page.code && location.hash !== "#join") compare(page.code);
  if (page.step === "assertion") return secondPrompt(page.request);
  if (page.step === "registration") return registration(page.registration);
  heading("Set up your key", "Type the code that the console shows. It proves that you sit in front of it.");
  show("code-form");
  $("typed").focus();
  $("code-form").onsubmit = async (event) => {
    event.preventDefault();
    show("problem", false);
    try { registration(await call("POST", "/code", { code: $("typed").value })); } catch (error) { problem(error); $("typed").select(); }
  };
}

begin().catch((error) => { heading("It did not work", ""); problem(error); });
