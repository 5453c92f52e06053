"""The audio of one section of a file, frame by frame: what FFmpeg decodes, and what it misses."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.plane import AudioPlane

from ada.audio.endings import is_cut_in_header
from ada.audio.errors import AudioError, AudioNote, unknown_end
from ada.audio.flac import md5_update, read_stream_info
from ada.audio.mpeg import frame_size, stated_samples
from ada.audio.sections import Section, SectionFile
from ada.utils.errors import reason

# Containers of audio that are known by their contents. Others name further files to be opened, or
# are known by the ending of a name alone.
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,avr,caf,dsf,dts,dtshd,eac3,epaf,flac,flv,iff,ircam,loas,"
    "matroska,webm,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,nistsphere,nut,ogg,oma,osq,"
    "pvf,qcp,qoa,rm,sox,tak,truehd,tta,voc,w64,wav,wv,xwma"
)
_OPTIONS = {
    "format_whitelist": _CONTAINERS,
    "protocol_whitelist": "",
    "max_size": "65536",  # of a packet of PCM, in bytes: larger than the default, for speed
}
# Their headers state the length. Those of the others may lack it, and FFmpeg guesses.
_STATING_LENGTH = {"ape", "asf", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "mpc", "mpc8", "tak", "tta"}
_STATING_LENGTH |= {"matroska,webm", "wv"}
# Looked through by `find_audio`.
_WITH_CHECKED_ENDS = {"aiff", "au", "avi", "caf", "iff", "ogg", "w64", "wav"}
# Rows of frames without a container: what lies between frames comes as a packet that fails.
_BARE_FRAMES = {"aac", "ac3", "amr", "dts", "eac3", "flac", "loas", "mlp", "mp3", "truehd"}
# libsndfile's G.721 files come out distorted, at a correlation of 0.96.
_DISTORTED = {"adpcm_g726", "adpcm_g726le"}
# Encoders disagree by some frames about how much of the padding counts.
_SLACK_SECS = 0.1
_COUNTING_FRAME_BYTES = 2000
_MOST_PADDING_SECS = 0.1
_IO_BYTES = 1 << 16
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_DTYPES = {name: np.dtype(kind) for name, kind in _DTYPES.items()}
_DTYPES |= {f"{name}p": kind for name, kind in _DTYPES.items()}  # planar


class Track:
    """The audio of one section of a file."""

    def __init__(self, path: str, section: Section, notes: list[AudioNote]) -> None:
        self._path = path
        self._section = section
        self._notes = notes
        self.codec = ""
        self._num_samples = 0
        self._sample_rate = 1
        self._trouble = ""  # why a packet could not be decoded, until it is known what it means
        self._is_junk = False  # whether that packet does not look like a frame
        self._last_packet = b"", 0  # its beginning, its size
        self._behind = 0  # offset of what follows it

    def frames(self) -> Iterator[av.AudioFrame]:
        """Yields what can be decoded, and raises AudioError if that is not everything."""
        with SectionFile(self._path, self._section) as file, self._open(file) as container:
            stream = self._stream(container)
            stated_secs, is_flac = None, container.format.name == "flac"
            for packet, frames in self._packets(container, stream):
                if stated_secs is None:
                    stated_secs = self._stated_secs(container, stream, packet.pos or 0)
                for frame in frames:
                    if self._trouble or frame.is_corrupt:
                        raise self._damaged(self._trouble or "a frame is damaged")
                    if is_flac and self._is_behind(frame):
                        raise self._damaged("frames are missing")
                    self._num_samples += frame.samples
                    self._sample_rate = frame.sample_rate
                    yield frame
            self._check_end(container.format.name, stated_secs or 0.0)

    def _open(self, file: SectionFile) -> av.container.InputContainer:
        try:
            return av.open(file, options=_OPTIONS, metadata_errors="ignore", buffer_size=_IO_BYTES)
        except av.FFmpegError as error:
            if is_cut_in_header(self._path, self._section.start):
                detail = "its header is damaged or cut short, or states an unknown encoding"
                raise AudioError("truncated", self._path, detail) from error
            detail = "not in a supported audio format, or its beginning is missing"
            raise AudioError("not_audio", self._path, detail) from error
        except OSError as error:
            raise AudioError("unreadable", self._path, reason(error)) from error

    def _stream(self, container: av.container.InputContainer) -> av.AudioStream:
        kind = container.format.long_name
        tracks = container.streams.audio
        if not tracks:
            raise AudioError("not_audio", self._path, f"a file without an audio track ({kind})")
        stream = container.streams.best("audio") or tracks[0]
        if stream.codec_context is None:
            detail = f"the encoding of its audio is not supported ({kind})"
            raise AudioError("unreadable", self._path, detail)
        if len(tracks) > 1:
            detail = f"{len(tracks)} audio tracks, of which number {stream.index} is read"
            self._notes.append(AudioNote("tracks", detail))
        self.codec = stream.codec_context.codec.canonical_name
        if self.codec in _DISTORTED:
            raise AudioError(
                "unreadable", self._path, f"the encoding {self.codec} is not supported"
            )
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
        return stream

    def _packets(
        self, container: av.container.InputContainer, stream: av.AudioStream
    ) -> Iterator[tuple[av.Packet, list[av.AudioFrame]]]:
        """Yields packets and what they decode to; keeps in mind what went wrong."""
        kind, sync = container.format.name, None
        is_bare = kind in _BARE_FRAMES
        packets = container.demux(stream)
        while True:
            packet = None
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except (av.FFmpegError, OSError) as error:
                if packet is None:
                    self._is_junk = is_bare and not self._trouble and self._byte_behind() != sync
                    self._trouble = self._trouble or str(error.strerror)
                    return
                if not packet.size:
                    continue  # a change of parameters that the decoder does without
                looks_so = bytes(packet)[:1] == sync
                if is_bare and sync is None:
                    continue  # bytes in front of the first frame
                is_padding = packet.size == 1 and kind in _WITH_CHECKED_ENDS
                self._is_junk = is_padding or (is_bare and not looks_so and not self._trouble)
                self._trouble = self._trouble or f"{packet.size} bytes cannot be decoded"
                continue
            if packet.size:
                self._last_packet = bytes(memoryview(packet)[:4]), packet.size
                self._behind = (packet.pos or 0) + packet.size
                sync = sync or self._last_packet[0][:1]
            yield packet, frames

    def _byte_behind(self) -> bytes:
        """The byte behind the last packet."""
        with SectionFile(self._path, self._section) as file:
            file.seek(self._behind)
            return file.read(1)

    def _stated_secs(
        self, container: av.container.InputContainer, stream: av.AudioStream, position: int
    ) -> float:
        """The length that the header states; 0 if it does not."""
        kind = container.format.name
        if kind == "mp3":
            with SectionFile(self._path, self._section) as file:
                file.seek(position - _COUNTING_FRAME_BYTES)
                samples = stated_samples(file.read(min(position, _COUNTING_FRAME_BYTES)))
            secs = samples / stream.sample_rate
            known = float((stream.duration or 0) * stream.time_base)
            # FFmpeg takes the padding off, but guesses where other bytes follow the audio.
            return known if known <= secs else max(0.0, secs - _MOST_PADDING_SECS)
        if kind not in _STATING_LENGTH:
            return 0.0
        if stream.duration is not None:
            return float(stream.duration * stream.time_base)
        # The length of all tracks together; a film may go on when its sound has ended.
        return (container.duration or 0) / 1e6 if len(container.streams) == 1 else 0.0

    def _check_end(self, kind: str, stated_secs: float) -> None:
        """Raises AudioError where samples are missing at the end, or were passed over."""
        if not stated_secs and kind not in _WITH_CHECKED_ENDS:
            self._notes.append(unknown_end(kind))
        secs = self._num_samples / self._sample_rate
        if self._trouble:
            if not self._is_junk and not 0 < stated_secs <= secs:
                raise self._damaged(self._trouble)
            self._notes.append(AudioNote("extra_bytes", f"{self._trouble} behind the audio"))
        if kind == "mp3" and self._last_packet[1] < frame_size(self._last_packet[0]):
            raise self._damaged("the last frame is not whole")
        message = f"declares {stated_secs:.3f} s, decodes to {secs:.3f} s"
        if secs < stated_secs - _SLACK_SECS or (kind == "flac" and secs < stated_secs):
            if kind != "flac" or not self._has_stated_md5():
                raise AudioError("truncated", self._path, message)
            self._notes.append(AudioNote("wrong_count", message))
        elif 0 < stated_secs < secs - _SLACK_SECS:
            self._notes.append(AudioNote("wrong_count", message))

    def _is_behind(self, frame: av.AudioFrame) -> bool:
        """Whether frames were passed over: those of FLAC are numbered."""
        if frame.pts is None:
            return False
        return round(frame.pts * frame.time_base * frame.sample_rate) > self._num_samples

    def _has_stated_md5(self) -> bool:
        """Whether the samples of a FLAC file are those that its sum was made of."""
        with Path(self._path).open("rb") as file:
            info = read_stream_info(file, self._section)
        md5 = hashlib.md5(usedforsecurity=False)
        with SectionFile(self._path, self._section) as file, self._open(file) as container:
            try:
                for frame in container.decode(self._stream(container)):
                    md5_update(md5, info, interleaved([planes(frame)], 1))
            except av.FFmpegError:
                return False
        return md5.digest() == info.md5

    def _damaged(self, why: str) -> AudioError:
        secs = self._num_samples / self._sample_rate
        return AudioError("truncated", self._path, f"damaged or cut short at {secs:.1f} s ({why})")


def planes(frame: av.AudioFrame) -> list[np.ndarray]:
    """The samples as FFmpeg has them: each channel, or all of them interleaved."""
    dtype, channels = _DTYPES[frame.format.name], frame.layout.nb_channels
    if not frame.format.is_planar:
        return [np.frombuffer(AudioPlane(frame, 0), dtype, frame.samples * channels)]
    # Not `frame.to_ndarray()`: PyAV 18 finds the number of planes by reading on until a pointer is
    # zero, which is behind the end of the list for eight channels and more.
    return [np.frombuffer(AudioPlane(frame, i), dtype, frame.samples) for i in range(channels)]


def interleaved(frames: list[list[np.ndarray]], channels: int) -> np.ndarray:
    """Joins the planes of frames that follow each other: `[frames, channels]`."""
    joined = [np.concatenate(parts) for parts in zip(*frames, strict=True)]
    if len(joined) == 1:
        return joined[0].reshape(-1, channels)
    return np.stack(joined, axis=1)
