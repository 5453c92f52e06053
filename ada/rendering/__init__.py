"""Renders scores as solo piano audio; the command is `ada.render_scores`.

requirements packages, FluidSynth and a soundfont
scores       finds files of scores
notation     reads MusicXML
clock        from written positions to seconds
performance  plays what is written
midi         reads and writes MIDI
synthesis    turns MIDI into audio with FluidSynth
piece        one score in one transposition
render       many pieces in several processes
manifest     the table of pieces
licences     the note on licences beside them
"""
