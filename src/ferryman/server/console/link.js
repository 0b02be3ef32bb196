// Signs the browser in with the token behind the `#` of the address.
const token = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
const text = document.getElementById('text');
const button = document.getElementById('go');

async function signIn() {
  button.hidden = true;
  text.textContent = 'Signing in …';
  try {
    const answer = await fetch('link', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Ferryman-Console': '1' },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) {
      location.replace('../../');
      return;
    }
    text.textContent = (await answer.json()).message;
  } catch {
    text.textContent = 'The server cannot be reached. Get a new link with `ferryman console`.';
  }
}

if (!token) {
  text.textContent = 'This address is not complete. Get a new link with `ferryman console`.';
} else if (document.documentElement.dataset.direct === 'yes') {
  signIn();
} else {
  text.textContent = 'This link signs this browser in as whoever created it. Continue only if that was you.';
  button.hidden = false;
  button.addEventListener('click', signIn);
  button.focus();
}
