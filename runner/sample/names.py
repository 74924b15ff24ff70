"""Invented people's names, by country, with the language and the clocks they live by."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

#: Letters that Unicode does not take apart.
_PLAIN = str.maketrans({"ł": "l", "ß": "ss", "ø": "o", "ı": "i", "æ": "ae", "đ": "d"})


@dataclass(frozen=True, slots=True)
class Country:
    """Where customers live."""

    code: str
    language: str
    #: How many customers live here, compared with the other countries.
    weight: int
    timezones: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


def _country(code: str, language: str, weight: int, timezones: str, first_names: str, last_names: str) -> Country:
    return Country(
        code,
        language,
        weight,
        tuple(timezones.split()),
        tuple(first_names.split()),
        tuple(name.replace("_", " ") for name in last_names.split()),
    )


COUNTRIES = (
    _country(
        "PL", "pl", 34, "Europe/Warsaw",
        "Zofia Hanna Łucja Małgorzata Agnieszka Bożena Krzysztof Paweł Łukasz Grzegorz Wojciech Świętopełk",
        "Nowak Wójcik Mazur Kaczmarek Pawlak Zając Król Wróbel Sikora Gołąb Dąbek Żak",
    ),
    _country(
        "DE", "de", 16, "Europe/Berlin",
        "Anna Jürgen Käthe Björn Lukas Sören Günther Lena Mareike Hans Jörg Ute",
        "Müller Größler Schäfer Köhler Weiß Bäcker Jäger Vogel Strauß Lindner Krüger Böhm",
    ),
    _country(
        "FR", "fr", 10, "Europe/Paris",
        "Camille Élodie François Hélène Jérôme Chloé Noël Aurélie Benoît Margaux Théo Agnès",
        "Moreau Lefèvre Dubois Garçon Fournier Rousseau Béranger Lacroix Chevalier Girard O'Connell D'Amboise",
    ),
    _country(
        "GB", "en", 10, "Europe/London",
        "Olivia Harry Siobhán Emily Oliver Rhys Niamh George Isla Freya Alistair Ewan",
        "Smith Jones O'Brien Taylor Evans Fitzgerald MacLeod Wright Hughes Lloyd-Davies Clarke Walker",
    ),
    _country(
        "US", "en", 8, "America/New_York America/Chicago America/Denver America/Los_Angeles Pacific/Honolulu",
        "Emma Liam Ava Noah Sophia Mason Madison Jayden Grace Tyler Destiny Hunter",
        "Johnson Williams Brown Garcia Miller Davis Nguyen Washington Lee Jackson St._Clair Van_Buren",
    ),
    _country(
        "ES", "es", 5, "Europe/Madrid Atlantic/Canary",
        "María José Íñigo Lucía Álvaro Núria Begoña Joaquín Inés Raúl Ángela Sebastián",
        "García_López Núñez Muñoz Ibáñez Peña Castaño Ortega Sáez Domínguez Fernández_Ruiz",
    ),
    _country(
        "IT", "it", 4, "Europe/Rome",
        "Giulia Niccolò Chiara Matteo Alessia Lorenzo Noemi Davide Beatrice Tommaso",
        "Rossi Ferrari D'Angelo De_Luca Esposito Conti Fabbri Moretti Lombardi Galli",
    ),
    _country(
        "SE", "sv", 3, "Europe/Stockholm",
        "Erik Åsa Märta Björn Göran Elin Lars Sofia Håkan Ebba",
        "Åkesson Lindqvist Öberg Sjöström Bergström Nyström Hägg Ekström Dahl Holm",
    ),
    _country(
        "CZ", "cs", 3, "Europe/Prague",
        "Jiří Kateřina Ondřej Zdeněk Tereza Vojtěch Božena Matěj Šárka Lukáš",
        "Dvořák Svoboda Růžička Kříž Šimek Beneš Hájek Vlček Kučera Němec",
    ),
    _country(
        "UA", "uk", 2, "Europe/Kyiv",
        "Олена Тарас Софія Андрій Марія Остап Ірина Богдан",
        "Шевченко Коваленко Бондаренко Ткаченко Мельник Лисенко",
    ),
    _country(
        "GR", "el", 1, "Europe/Athens",
        "Ελένη Γιώργος Μαρία Νίκος Κατερίνα Δημήτρης",
        "Παπαδόπουλος Νικολάου Γεωργίου Αντωνίου Οικονόμου",
    ),
    _country(
        "TR", "tr", 1, "Europe/Istanbul",
        "Ayşe Işıl Çağla Mehmet Gökhan Şeyma İbrahim Öykü",
        "Yılmaz Çelik Şahin Öztürk Kılıç Aydın",
    ),
    _country(
        "BR", "pt", 1, "America/Sao_Paulo",
        "João Luíza Antônio Beatriz Thaís Caê Vinícius Conceição",
        "da_Silva Gonçalves Araújo Simões Ribeiro Magalhães",
    ),
    _country(
        "IN", "en", 1, "Asia/Kolkata",
        "Aarav Priya Vivaan Ananya Rohan Diya Kabir Meera",
        "Sharma Patel Iyer Banerjee Reddy Kapoor",
    ),
    _country(
        "JP", "ja", 1, "Asia/Tokyo",
        "さくら 陽翔 美咲 健太 結衣 蓮 葵 大輔",
        "佐藤 鈴木 高橋 田中 渡辺 山本",
    ),
    _country(
        "AU", "en", 1, "Australia/Sydney Australia/Adelaide Australia/Lord_Howe",
        "Charlotte Jack Matilda Cooper Ruby Lachlan Zoe Angus",
        "Wilson Campbell Kelly Ryan Murphy Nguyen",
    ),
)  # fmt: skip


def mailbox(first_name: str, last_name: str) -> str:
    """The part of an address before the @; empty where the names have no Latin letters."""
    return ".".join(part for part in (_ascii(first_name), _ascii(last_name)) if part)


def _ascii(name: str) -> str:
    apart = unicodedata.normalize("NFKD", name.lower().translate(_PLAIN))
    return "".join(letter for letter in apart if letter.isascii() and letter.isalnum())
