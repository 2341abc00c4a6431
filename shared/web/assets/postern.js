// Everything here is a convenience: pages work without it, the reset link's token and the CAPTCHA aside.
(() => {
  "use strict";
  const words = document.body.dataset;
  const each = (selector, f) => document.querySelectorAll(selector).forEach(f);

  // A refusal is read first.
  document.querySelector(".problem")?.focus();

  // The token of a reset link stands in the fragment, which is never sent. It goes into the form, and out of the history.
  // Where the page is open already, opening the link changes the fragment and loads nothing.
  const link = document.getElementById("link");
  const take = () => {
    const token = location.hash.slice(1);
    if (!link || !token || document.getElementById(token)) return; // an anchor of the page is none
    link.elements.token.value = token;
    history.replaceState(null, "", location.pathname);
    link.hidden = false;
    const code = document.getElementById("code");
    if (code) code.hidden = true;
    link.querySelector("button").focus();
  };
  take();
  addEventListener("hashchange", take);

  // Show and hide a password; tell of Caps Lock.
  each("input[type=password]", (input) => {
    const box = document.createElement("div");
    box.className = "reveal";
    input.replaceWith(box);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.setAttribute("aria-controls", input.id);
    const label = () => {
      const shown = input.type === "text";
      button.textContent = shown ? words.hide : words.show;
      button.setAttribute("aria-pressed", String(shown));
    };
    button.addEventListener("click", () => {
      input.type = input.type === "text" ? "password" : "text";
      label();
    });
    label();
    box.append(input, button);
    const caps = document.createElement("p");
    caps.className = "caps";
    caps.setAttribute("role", "status");
    box.after(caps);
    for (const event of ["keydown", "keyup"]) {
      input.addEventListener(event, (e) => {
        caps.textContent = e.getModifierState?.("CapsLock") ? words.caps : "";
      });
    }
    input.form.addEventListener("submit", () => { input.type = "password"; });
  });

  // The rules that can be told while typing. The server has the last word on all of them.
  const rules = {
    min_length: (s, n) => [...s].length >= n,
    max_length: (s, n) => [...s].length <= n,
    lower: (s) => /\p{Ll}/u.test(s),
    upper: (s) => /[\p{Lu}\p{Lt}]/u.test(s),
    digit: (s) => /\p{Nd}/u.test(s),
    symbol: (s) => /[^\p{L}\p{M}\p{Nd}]/u.test(s),
  };
  each("input[autocomplete=new-password]", (input) => input.addEventListener("input", () => {
    const s = input.value.normalize("NFC");
    each(".rules [data-rule]", (li) => {
      const met = s !== "" && rules[li.dataset.rule](s, Number(li.dataset.limit));
      li.classList.toggle("met", met);
      if (met) li.classList.remove("broken");
    });
  }));

  // What is shown once can be copied.
  each("[data-copy]", (button) => {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = words.copied;
    });
  });

  // The proof of work: find the number whose hash with the salt is the challenge. In batches, so that the page stays alive.
  each("[data-challenge]", async (box) => {
    const c = JSON.parse(box.dataset.challenge);
    const send = box.closest("form").querySelector("button:not([type=button])");
    const utf8 = new TextEncoder();
    send.disabled = true;
    const hash = async (n) => {
      const sum = await crypto.subtle.digest("SHA-256", utf8.encode(c.salt + n));
      return Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, "0")).join("");
    };
    for (let from = 0; from <= c.maxnumber; from += 500) {
      const batch = Array.from({ length: Math.min(500, c.maxnumber - from + 1) }, (_, i) => from + i);
      const i = (await Promise.all(batch.map(hash))).indexOf(c.challenge);
      if (i < 0) continue;
      const { algorithm, challenge, salt, signature } = c;
      box.querySelector("input").value = btoa(JSON.stringify({ algorithm, challenge, number: from + i, salt, signature }));
      break;
    }
    const status = box.querySelector("[role=status]");
    status.textContent = status.dataset.done;
    send.disabled = false;
  });
})();
