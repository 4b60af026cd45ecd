// Plays the windows of the page, with the player and the sounds of `note-render`.
const takes = JSON.parse(document.getElementById("takes").textContent);
const player = new Player();
let playing = null;

player.addEventListener("stop", () => {
  playing?.setAttribute("aria-pressed", "false");
  playing = null;
});

for (const button of document.querySelectorAll("button[data-take]")) {
  button.addEventListener("click", async () => {
    const again = playing === button;
    player.stop();
    if (again) return;
    const notes = takes[Number(button.dataset.take)].sort((a, b) => a[0] - b[0]);
    await player.play({ seconds: Math.max(0, ...notes.map((note) => note[1])), notes });
    playing = button;
    button.setAttribute("aria-pressed", "true");
  });
}
