// One player at a time; a line runs over spectrogram and piano roll, and a click plays from there.
for (const clip of document.querySelectorAll(".clip")) {
  const audio = clip.querySelector("audio");
  const show = () => clip.style.setProperty("--played", audio.currentTime / audio.duration || 0);
  const follow = () => { show(); if (!audio.paused) requestAnimationFrame(follow); };
  audio.addEventListener("seeked", show);
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    follow();
  });
  for (const view of clip.querySelectorAll(".spectrogram, .roll")) {
    view.addEventListener("click", (event) => {
      const box = view.getBoundingClientRect();
      audio.currentTime = (event.clientX - box.left) / box.width * (audio.duration || 0);
      audio.play();
    });
  }
}
