"""The same job as a company writes it in Django: contacts as a model, django-anymail's SendGrid, a log table.

    python benchmarks/peers/django_anymail.py FOLDER CONTACTS MAILS PORT

fills a SQLite database with the contacts, of whom MAILS have their anniversary, then looks at all who are due and have
no row in the log, renders Django's own template, sends, and writes the log row of each; it prints the seconds of that,
and those of its processor. Where django and django-anymail are not installed it is not run.
"""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path

import django
from django.conf import settings

TODAY = date(2026, 5, 6)
TEMPLATE = """<html><body style="font-family: sans-serif"><h1>Thank you, {{ contact.first_name }}</h1>
<p>You became a customer of Acme on {{ contact.customer_since|date:"j F Y" }}. {% if years == 1 %}One
year{% else %}{{ years }} years{% endif %} already, and we do not take that for granted.</p>
<p><a href="https://hello.acme.example/u/{{ token }}">Unsubscribe</a></p></body></html>"""


def main() -> None:
    folder, people, mails, port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    settings.configure(
        INSTALLED_APPS=["anymail"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="benchmark",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        EMAIL_BACKEND="anymail.backends.sendgrid.EmailBackend",
        ANYMAIL={"SENDGRID_API_KEY": "SG.loopback", "SENDGRID_API_URL": f"http://127.0.0.1:{port}/v3/"},
        USE_TZ=True,
    )
    django.setup()
    job(people, mails)


def job(people: int, mails: int) -> None:
    from django.core.mail import EmailMultiAlternatives
    from django.core.signing import Signer
    from django.db import connection, models
    from django.template import engines

    class Contact(models.Model):
        email = models.EmailField(db_index=True)
        first_name = models.CharField(max_length=200)
        customer_since = models.DateField(db_index=True)
        opted_out = models.BooleanField(default=False)

        class Meta:
            app_label = "anymail"

    class Sent(models.Model):
        contact = models.ForeignKey(Contact, on_delete=models.CASCADE)
        occasion = models.CharField(max_length=50)
        at = models.DateTimeField(auto_now_add=True)

        class Meta:
            app_label = "anymail"
            unique_together = (("contact", "occasion"),)

    with connection.schema_editor() as schema:
        schema.create_model(Contact)
        schema.create_model(Sent)
    Contact.objects.bulk_create(
        (
            Contact(
                email=f"p{number}@acme.example",
                first_name=f"P{number}",
                customer_since=date(2020, 5, 6) if number < mails else date(2020, 7, 1 + number % 28),
            )
            for number in range(people)
        ),
        batch_size=5_000,
    )
    began, worked = time.perf_counter(), time.process_time()
    template, signer = engines["django"].from_string(TEMPLATE), Signer()
    due = Contact.objects.filter(customer_since__month=TODAY.month, customer_since__day=TODAY.day, opted_out=False)
    occasion = f"anniversary {TODAY.year}"
    for contact in due.exclude(sent__occasion=occasion).iterator():
        _, new = Sent.objects.get_or_create(contact=contact, occasion=occasion)
        if not new:
            continue
        token = signer.sign(str(contact.pk))
        html = template.render({"contact": contact, "years": TODAY.year - contact.customer_since.year, "token": token})
        mail = EmailMultiAlternatives(
            f"{contact.first_name}, thank you", "Thank you", "Acme <hello@acme.example>", [contact.email],
            headers={"List-Unsubscribe": f"<https://hello.acme.example/u/{token}>"},
        )  # fmt: skip
        mail.attach_alternative(html, "text/html")
        mail.metadata = {"contact": str(contact.pk)}
        mail.send()
    print(time.perf_counter() - began, time.process_time() - worked)


if __name__ == "__main__":
    main()
