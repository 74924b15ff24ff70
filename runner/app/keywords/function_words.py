"""The words of each language that say nothing by themselves: articles, pronouns, auxiliaries, particles.

Closed classes alone: what may be a matter of praise or complaint stays.
"""

from __future__ import annotations

from collections.abc import Mapping

_WORDS = {
    "en": """
        a an the this that these those there here it its itself he him his she her hers they them their theirs
        we us our ours you your yours i me my mine myself yourself who whom whose which what when where why how
        all any some each both every and or but nor so if then than because as while until though although of at
        by for with about into through to from in out on off up down over under again once during before after
        between is am are was were be been being have has had having do does did doing done will would shall
        should can could may might must also just very too really quite only even still already yet much many
        more most other another such same own ever get got one ones im ive id ill its thats youre theyre weve s
        t re ve ll d m""",
    "de": """
        der die das den dem des ein eine einen einem einer eines und oder aber denn sondern doch so wenn dann
        als wie weil dass da damit ob um bis seit während bevor nachdem obwohl ich mich mir mein meine meinen
        meinem meiner du dich dir dein deine er ihn ihm sein seine sie ihr ihre ihren ihrem ihrer es wir uns
        unser unsere unseren unserem man sich selbst wer wen wem was welche welcher welches dieser diese dieses
        diesen diesem jener jede jeder jedes alle alles allem allen auch nur noch schon sehr mehr viel viele
        ganz immer wieder mal hier dort da ist bin bist sind war waren wäre wären sein gewesen habe hast hat
        haben hatte hatten hätte wird werde werden wurde wurden würde kann können konnte könnte muss müssen soll
        sollte will wollte darf an am auf aus bei beim durch für gegen hinter in im ins mit nach neben ohne über
        unter vom von vor zu zum zur zwischen etwas""",
    "es": """
        el la los las lo un una unos unas y e o u pero sino que si como cuando donde porque pues aunque mientras
        yo me mí mi mis tú te ti tu tus él ella ello ellos ellas le les se su sus nosotros nos nuestro nuestra
        nuestros usted ustedes quien cual cuales qué este esta esto estos estas ese esa eso esos esas aquel
        aquella todo toda todos todas algo algún alguna otro otra otros cada muy más ya también solo sólo aún
        así tan tanto mucho mucha muchos de del al a ante bajo con contra desde en entre hacia hasta para por
        según sobre tras es soy eres son era eran fue fueron ser sido está están estaba estar ha han he hemos
        había haber hay tiene tienen tengo tenía hace hacer puede pueden podría debe""",
    "fr": """
        le la les l un une des du de d et ou mais donc or car que qu qui quoi dont où quand comme si parce
        lorsque puisque ne n je j me m moi mon ma mes tu te t toi ton ta tes il elle on lui se s son sa ses nous
        notre nos vous votre vos ils elles leur leurs eux y en ce c cet cette ces cela ça ceci celui celle ceux
        tout toute tous toutes autre autres chaque quelque quelques même très plus aussi encore déjà bien trop
        peu beaucoup à au aux avec chez contre dans depuis derrière devant entre par pour sans sous sur vers est
        es suis sont étais était étaient être été ai as a avons avez ont avais avait avoir eu sera serait fait
        faire peut pouvez doit""",
    "pl": """
        a i oraz lub albo ale lecz więc bo gdyż ponieważ że żeby aby by jeśli jeżeli gdy kiedy jak jako gdzie
        skąd co kto kogo komu czym kim który która które którego której których którym ja mnie mi mną mój moja
        moje mojego moich ty ciebie ci tobie twój twoja on jego jemu mu nim ona jej ją nią ono oni ich im nimi
        one my nas nam nami nasz nasza nasze wy was wam wasz wasza wasze pan pani państwo państwa się siebie
        sobie swój swoje ten ta to tego tej tym tych te tę tamten każdy wszystko wszystkie wszystkich wszyscy
        inny inne też także już jeszcze tylko bardzo bardziej więcej tak tu tam jest są był była było były być
        będzie będą mam ma mają miał miała mieć może można mogę w we z ze na do od dla o u po pod nad przed
        przez przy za między""",
    "ru": """
        и а но или да же ли бы б что чтобы если когда где куда откуда как так потому поэтому хотя пока я меня
        мне мной мой моя моё мои моего ты тебя тебе твой он его ему им нём она её ей ею оно они их ими нам нас
        нами мы наш наша наши вы вас вам вами ваш ваша ваше ваши себя себе свой своя свои кто кого кому чем чего
        который которая которое которые этот эта это эти этого этой этих этом тот та то те того той тех всё все
        всех весь вся другой другие каждый очень ещё уже тоже также только даже более больше самый там тут здесь
        есть был была было были быть будет будут может можно могу в во на с со к ко по из у за от до для о об
        обо при про над под через между перед""",
    "lt": """
        ir o bet ar arba tačiau kad jei jeigu nes kaip kai kada kur kodėl tai todėl nors kol aš mane man manęs
        mano tu tave tau tavo jis jį jam jo ji ją jai jos jie juos jiems jų mes mus mums mūsų jūs jus jums jūsų
        save sau savo kas ką kam ko kuris kuri kurie kurios kurį kurią šis ši šie šios šį tas ta tie tos tą visi
        visos viskas visų visas kitas kita kiti kiekvienas labai dar jau taip pat tik daugiau vis čia ten yra
        esu esate buvo būti bus būtų buvau turi turiu turite gali galiu galima į iš su be už ant po per prie nuo
        iki apie dėl pas tarp pagal prieš""",
}  # fmt: skip

#: The noes: alone they say nothing, beside another word they turn it over.
NOES = frozenset(
    "not no never without nicht kein keine keinen nie ohne nunca sin pas jamais sans brak bez не нет ни без ne nėra be "
    "不 没".split()
)

#: Signs that glue Chinese words together; a pair of signs with one of them is no word.
GLUE = frozenset("的了是我你您他她它们在有和与及就都也还很太着过把被给对从到这那个之为以而或但吗呢吧啊哦上下里请让")

FUNCTION_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split()) for language, words in _WORDS.items()
}
