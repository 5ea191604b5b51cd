"""English."""

from __future__ import annotations

from app.flow.checks.prompts.tongues.tongue import Tongue

ENGLISH = Tongue(
    code="en",
    shown="English",
    example="en-GB",
    press="click clicking press pressing push pushing hit hitting punch touch tap tapping",
    dial="dial dialing dialling enter entering select selecting choose choosing key keying type typing use using pick",
    say="say saying",
    numbers="zero one two three four five six seven eight nine",
    star="star asterisk",
    hash="hash hashtag hashkey",
    near_hash="pound square",
    nouns="key keys button buttons digit option options choice",
    fillers="the a either now please just simply or say saying number key keys button digit option options choice in"
    " on your phone telephone keypad then again from between any of with by dial",
    purpose="for to if when",
    behind="now at on again instead then please during anytime once twice before any followed",
    joints="and or",
    until="to through thru",
    ago="from until till since by between within about around over under nearly last next extension room",
    units="numbers characters letters rooms options choices o hour hours hr hrs minute minutes min mins second"
    " seconds day days week weeks month months year years am pm oclock percent pence penny cent cents dollar"
    " dollars pound pounds euro euros time times people person persons call calls star stars nights night"
    " adults children of st nd rd th digit digits mile miles km business working more other january february"
    " march april may june july august september october november december monday tuesday wednesday thursday"
    " friday saturday sunday",
    digits="digit digits",
    most="up",
    least="least",
    followed="followed end ending finish with",
    entering="enter key type dial input give say provide punch tell entering",
    negations="not no never without dont",
    examples="example instance such things",
    common="the to and you your for of is are this that with our we please or if be will can in on it press call one"
    " have has not do what at from by an all now thank thanks would like hear speak sorry did know need want"
    " when us",
    marks="valid hold message leave tone after connecting connect connected office closed open welcome understand"
    " choice hear their there wait moment unfortunately currently press please thank you your goodbye hello"
    " speak sorry would calling",
)
