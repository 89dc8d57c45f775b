"""English that phrases about people are made of, for `descriptions`: words that may stand around a value, words that
may not, and words that are forms of one another."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION = _words("""
    a an the this that one ones person persons people individual man woman resident someone he she his her
    their its they who whose whom which is are was be been being has have having had does do in on of with
    from for to as by at into s named called only many much lot lots really most unique different type kind
    style each every everyone everybody something all
""")
"""Words that say nothing of which value is meant."""
ACTS = _words("""
    favorite favourite love like enjoy prefer adore favor favour choose pick admire fancy appreciate cherish
    crave keep own possess use hold drive ride smoke drink sip eat lunch dine play read listen watch wear live
    reside dwell work grow raise breed practice practise speak come go going bake cook order study attend
    graduate complete earn visit travel take make paint collect carry buy bring celebrate born bear support
    follow train teach stay sleep accompany accompanied occupy inhabit park order serve sing dance lover owner
    keeper eater drinker smoker player reader listener user rider driver wearer collector admirer follower
    speaker grower baker maker supporter enthusiast fan aficionado hobbyist devotee connoisseur addict buff
    graduate partial fond keen passionate
""")
"""What people do with what they have, and who does it."""
LIKING = _words("""
    favorite favourite love like enjoy prefer adore favor favour fancy appreciate lover fan enthusiast
    aficionado partial fond keen
""")
THINGS = _words("""
    book novel music song tune genre degree diploma certificate education school level vacation holiday trip
    break retreat tour getaway journey home house villa bouquet boquet vase arrangement flower smoothie juice
    drink beverage hair pet animal aquarium tank sport game phone smartphone model car vehicle cigar cigarette
    blend brand tobacco height stature size build birthday birth month name child kid son daughter mother mom
    nationality country color colour shade job occupation profession hobby pastime food dish meal lunch eye
    shirt hat door wall bag bread cheese fruit instrument average
""")
"""What is had."""
DENIED = _words("""
    not no never without nor neither none nothing except unlike non cannot lack lacks lacking hate hates
    hating hater dislike dislikes avoid avoids avoiding despise despises detest detests loathe loathes refuse
    refuses reject rejects shun shuns fear fears abhor abhors skip skips ban bans allergic hardly seldom
    rarely than other others another else and but or either if unless because when while before after until
    former formerly ex used neighbor neighbors neighbour neighbours next left right between beside near far
    away opposite somewhere directly immediately both same together anti instead half misses wants wishes
    sells sold lost loses stops quits quit gave
""")
"""Words that deny, compare, place or join."""
KIN = _words("""
    brother sister father dad mother mom parent wife husband spouse partner friend boss son daughter child kid
    cousin aunt uncle colleague roommate twin rival enemy grandmother grandfather
""")
"""Other people: allowed only where the attribute's header speaks of them."""
DEMONYMS = (
    ("brit", "british", "briton", "english", "englishman", "uk"),
    ("dane", "danish"),
    ("swede", "swedish"),
    ("finn", "finnish"),
    ("turk", "turkish"),
    ("pole", "polish"),
    ("scot", "scottish", "scotsman"),
    ("irish", "irishman"),
    ("welsh", "welshman"),
    ("dutch", "dutchman"),
    ("french", "frenchman"),
    ("spaniard", "spanish"),
    ("filipino", "philippine"),
    ("arab", "arabian", "arabic"),
    ("american", "usa"),
)
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
