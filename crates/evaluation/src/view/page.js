// Plays the windows of the page: plain tones, and noise for drums. No recordings, no network.
const takes = JSON.parse(document.getElementById("takes").textContent);
let context = null;
let playing = null;

/** Stops what plays. */
function stop() {
  if (!playing) return;
  for (const source of playing.sources) source.stop();
  clearTimeout(playing.timer);
  playing.button.setAttribute("aria-pressed", "false");
  playing = null;
}

/** A second of noise, made once. */
function noise() {
  const buffer = context.createBuffer(1, context.sampleRate, context.sampleRate);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < samples.length; i++) samples[i] = Math.random() * 2 - 1;
  return buffer;
}

/** Plays notes of [start, end, pitch, is it a drum], times in seconds. */
function play(button, notes) {
  stop();
  context ??= new AudioContext();
  context.resume();
  context.noise ??= noise();
  const sources = [];
  let end = 0;
  const begin = context.currentTime + 0.05;
  for (const [from, to, pitch, drum] of notes) {
    const source = drum ? context.createBufferSource() : context.createOscillator();
    const gain = context.createGain();
    if (drum) source.buffer = context.noise;
    else {
      source.type = "triangle";
      source.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    }
    const length = drum ? 0.08 : Math.max(to - from, 0.05);
    gain.gain.setValueAtTime(0, begin + from);
    gain.gain.linearRampToValueAtTime(drum ? 0.1 : 0.22, begin + from + 0.008);
    gain.gain.exponentialRampToValueAtTime(0.001, begin + from + length + 0.05);
    source.connect(gain).connect(context.destination);
    source.start(begin + from);
    source.stop(begin + from + length + 0.06);
    sources.push(source);
    end = Math.max(end, from + length);
  }
  button.setAttribute("aria-pressed", "true");
  playing = { button, sources, timer: setTimeout(stop, 1000 * (end + 0.2)) };
}

for (const button of document.querySelectorAll("button[data-take]")) {
  button.addEventListener("click", () => {
    if (playing?.button === button) stop();
    else play(button, takes[Number(button.dataset.take)]);
  });
}
