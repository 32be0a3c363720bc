// Where an invited person without a console begins: reads the text that was
// handed over, has the gateway begin a key prompt and goes to its page.

const $ = (name) => document.getElementById(name);
const PREFIX = "vidimus-joining:";

class Refused extends Error {}

/** What stands in the text. Its form only: the gateway judges the rest. */
function read(text) {
  const packed = text.replace(/\s+/g, "");
  if (!packed.startsWith(PREFIX)) throw new Refused(`This is not the text: it begins with ${PREFIX}`);
  let joining;
  try {
    const encoded = packed.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
    joining = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0))));
  } catch {
    throw new Refused("The text is not whole. Copy all of it.");
  }
  if (joining.url !== location.origin) throw new Refused(`The text is for ${joining.url}, not for this gateway.`);
  if (typeof joining.invitation !== "string") {
    throw new Refused("The text invites nobody to make a key. Use it in the console of the person who made it.");
  }
  return joining;
}

/** The first 64 bits of a digest in decimal, as consoles show them. */
function readAloud(digest) {
  const digits = BigInt(`0x${digest.slice(0, 16)}`).toString().padStart(20, "0");
  return digits.match(/.{4}/g).join(" ");
}

function look() {
  let aloud = "";
  try { aloud = readAloud(read($("text").value).log); } catch { /* said when it is handed in */ }
  $("log").textContent = aloud;
  $("read").hidden = $("aloud").hidden = aloud === "";
}

async function begin() {
  const { invitation } = read($("text").value);
  const label = $("label").value.trim();
  if (label === "") throw new Refused("Name the key first.");
  let response;
  try {
    response = await fetch("/v1/enrolments", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ invitation, label }),
    });
  } catch {
    throw new Refused("The gateway does not answer. Try again in a moment.");
  }
  const reply = await response.json();
  if (!response.ok) throw new Refused(reply.detail);
  location.assign(`/c/${reply.ceremony}#join`);
}

$("text").oninput = look;
$("form").onsubmit = async (event) => {
  event.preventDefault();
  $("problem").hidden = true;
  $("go").disabled = true;
  try {
    await begin();
  } catch (error) {
    $("problem").textContent = error.message;
    $("problem").hidden = false;
  } finally {
    $("go").disabled = false;
  }
};
look();
