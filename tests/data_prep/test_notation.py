"""What is read of MusicXML."""

import pytest

from ada.rendering.notation import ScoreNote, read_notation

FERMATA = "<notations><fermata/></notations>"
GRACE = "<note><grace/><pitch><step>B</step><octave>5</octave></pitch></note>"
CHORD_SYMBOL = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
DRUM = (
    "<note><unpitched><display-step>E</display-step><display-octave>4</display-octave>"
    "</unpitched><duration>8</duration></note>"
)


def test_notes_in_quarters_at_midi_numbers(tmp_path, write_musicxml, xml_note):
    soprano = xml_note("A", 4, 2) + xml_note("C", 5, 6)
    bass = xml_note("C", 3, 8) + xml_note("G", 3, 8, before="<chord/>")
    notation = read_notation(write_musicxml(tmp_path / "x.musicxml", [soprano, bass]))
    assert notation.notes == (
        ScoreNote(0.0, 4.0, 48),
        ScoreNote(0.0, 4.0, 55),
        ScoreNote(0.0, 1.0, 69),
        ScoreNote(1.0, 4.0, 72),
    )
    assert notation.fermatas == () and notation.quarters_per_minute is None


def test_tied_notes_are_one(tmp_path, write_musicxml, xml_note):
    tied = xml_note("A", 4, 4, '<tie type="start"/>') + xml_note("A", 4, 4, '<tie type="stop"/>')
    notation = read_notation(write_musicxml(tmp_path / "x.xml", [tied]))
    assert notation.notes == (ScoreNote(0.0, 4.0, 69),)


def test_voices_in_unison_press_one_key_for_the_longer(tmp_path, write_musicxml, xml_note):
    parts = [xml_note("A", 4, 2), xml_note("A", 4, 8)]
    notation = read_notation(write_musicxml(tmp_path / "x.xml", parts))
    assert notation.notes == (ScoreNote(0.0, 4.0, 69),)


def test_fermatas_stand_at_the_ends_of_their_notes(tmp_path, write_musicxml, xml_note):
    part = xml_note("A", 4, 2) + xml_note("B", 4, 3, FERMATA) + xml_note("C", 5, 3, FERMATA)
    assert read_notation(write_musicxml(tmp_path / "x.xml", [part])).fermatas == (2.5, 4.0)


def test_transposing_instrument_is_read_as_it_sounds(tmp_path, write_musicxml, xml_note):
    horn = "<transpose><diatonic>-4</diatonic><chromatic>-7</chromatic></transpose>"
    path = write_musicxml(tmp_path / "x.xml", [(xml_note("C", 5, 8), horn)])
    assert [note.pitch for note in read_notation(path).notes] == [65]


def test_grace_notes_chord_symbols_and_drums_are_ignored(tmp_path, write_musicxml, xml_note):
    parts = [CHORD_SYMBOL + GRACE + xml_note("A", 4, 8), DRUM]
    notation = read_notation(write_musicxml(tmp_path / "x.xml", parts))
    assert notation.notes == (ScoreNote(0.0, 4.0, 69),)


def test_metronome_mark_is_in_quarters(tmp_path, write_musicxml, xml_note):
    mark = (
        "<direction><direction-type><metronome><beat-unit>half</beat-unit>"
        "<per-minute>50</per-minute></metronome></direction-type></direction>"
    )
    notation = read_notation(write_musicxml(tmp_path / "x.xml", [mark + xml_note("A", 4, 8)]))
    assert notation.quarters_per_minute == 100


def test_title_and_copyright(tmp_path, write_musicxml, xml_note):
    head = (
        "<work><work-title>Air \n in A</work-title></work>"
        "<identification><rights>© 2004 Me</rights></identification>"
        "<credit><credit-words>used by permission</credit-words></credit>"
    )
    notation = read_notation(write_musicxml(tmp_path / "x.xml", [xml_note("A", 4, 8)], head))
    assert notation.title == "Air in A"
    assert notation.licence == "© 2004 Me; used by permission"
    untitled = read_notation(write_musicxml(tmp_path / "y.xml", [xml_note("A", 4, 8)]))
    assert (untitled.title, untitled.licence) == ("", "")


def test_score_without_notes_is_refused(tmp_path, write_musicxml):
    rest = "<note><rest/><duration>8</duration></note>"
    with pytest.raises(ValueError, match="no notes"):
        read_notation(write_musicxml(tmp_path / "x.xml", [rest]))
