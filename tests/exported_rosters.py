"""Rosters as platforms export them: small, of invented people, oddities included."""

MOODLE = """\
\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can \
be changed","Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 4117","Zoë Müller-Lång",zoe.ml@uni.example,"Submitted for grading",,62.00,\
Yes,"Tuesday, 24 November 2026, 6:40 PM",-,
"Participant 4118","Seán O'Dwyer",sean.od@uni.example,"Submitted for grading - 2 hours \
5 mins late - Graded",12.50,62.00,Yes,"Wednesday, 25 November 2026, 1:04 AM","Friday, \
27 November 2026, 9:00 AM","<p>Come and see me,
""please"".</p>"
"Participant 4119","Sam Lee, Jr.",sam.lee@uni.example,"Submitted for grading",,62.00,\
Yes,"Tuesday, 24 November 2026, 6:40 PM",-,
"Participant 4120","Noor Haddad",noor.h1@uni.example,"Submitted for grading",,62.00,\
Yes,"Tuesday, 24 November 2026, 6:41 PM",-,
"Participant 4121","Noor Haddad",noor.h2@uni.example,"No submission",3.00,62.00,Yes,-,-,
"Participant 4122","Ida_May Lund",ida.lund@uni.example,"Submitted for grading - \
Extension granted until: Tuesday, 1 December 2026, 12:00 AM",,62.00,No,-,-,
"""

MOODLE_GERMAN = """\
\ufeffID,"Vollständiger Name",E-Mail-Adresse,Status,Bewertung,Bestwertung,"Bewertung \
kann geändert werden","Zuletzt geändert (Abgabe)","Zuletzt geändert (Bewertung)","\
Feedback als Kommentar"
Teilnehmer/in4117,"Zoë Müller-Lång",zoe.ml@uni.example,"Zur Bewertung abgegeben",\
,"100,00",Ja,"Dienstag, 24. November 2026, 18:40",-,
Teilnehmer/in4118,"Seán O'Dwyer",sean.od@uni.example,"Zur Bewertung abgegeben - 2 \
Stunden 5 Minuten zu spät","12,50","100,00",Ja,"Mittwoch, 25. November 2026, 01:04",-,
"""

MOODLE_SPANISH = """\
Identificador,"Nombre completo",Correo,Estado,Calificación,"Calificación máxima","La \
calificación puede ser cambiada","Última modificación (entrega)","Última modificación \
(calificación)"
"Participante 4117","Zoë Müller-Lång",zoe.ml@uni.example,"Enviado para calificar",\
"1,50","62,00",Sí,"martes, 24 de noviembre de 2026, 18:40",-
"Participante 4118","Seán O'Dwyer",sean.od@uni.example,"Enviado para calificar - 2 \
horas de retraso",,"62,00",Sí,"martes, 24 de noviembre de 2026, 18:40",-
"""

MOODLE_ANONYMOUS = """\
Identifier,Status,Grade,"Maximum grade","Grade can be changed","Last modified (grade)"
"Participant 4117","Submitted for grading",,62.00,Yes,-
"Participant 4118","Submitted for grading",,62.00,Yes,-
"""

MOODLE_GROUPS = """\
Identifier,"Full name",Status,Group,Grade,"Maximum grade","Grade can be changed",\
"Last modified (grade)"
"Participant 55","Zoë Müller-Lång",Submitted,Owls,,62.00,Yes,-
"Participant 56","Seán O'Dwyer",Submitted,Owls,,62.00,Yes,-
"Participant 57","Noor Haddad",Submitted,"Mice: two",,62.00,Yes,-
"Participant 58","Ida_May Lund","No submission","Default group",,62.00,Yes,-
"""

CANVAS = '''\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,Essay (98411),Koans (98412),Current \
Score,Unposted Current Score,Final Score (2026)
,,,,,,,Manual Posting,,,
    Points Possible,,,,,,10.00,62.00,(read only),(read only),(read only)
"Müller-Lång, Zoë",41175,u8801,zml,A and B,,7.00,,70.00,70.00,70.00
"O'Dwyer, Seán",41180,u8802,sod,A,,,EX,,,
"Lee, Jr., Sam",41191,u8803,sjl,A,,5.00,40.00,,,
"Haddad, Noor",41203,u8804,nh1,A,,,,,,
"Haddad, Noor",41204,u8805,nh2,B,,9.5,31.50,,,
"=""=Lund, Ida_May""",41211,u8806,iml,B,,,N/A,,,
"Student, Test",41299,,8f3c0a,A,,,,,,
'''

CANVAS_SEMICOLONS = """\
LastName;FirstName;ID;SIS User ID;SIS Login ID;Section;Koans (98412);Essay, first \
(98413);Current Score
;;;;;;;Muted;
    Points Possible;;;;;;100,00;10,00;(Nur Lesezugriff)
Müller-Lång;Zoë;41175;u8801;zml;A;12,50;9,00;
O'Dwyer;Seán;41180;u8802;sod;A;;1,50;
"""

BLACKBOARD = (
    '"Last Name","First Name","Username","Student ID","Last Access","Availability",'
    '"Quiz [Total Pts: 10 Score] |664616","Koans [Total Pts: 62 Score] |664617",'
    '"Feedback to Learner","Feedback Format"\n'
    '"O\'Dwyer","Seán","sod3","8802","","Yes","","","",""\n'
    '"Haddad","Noor","nh1","8804","","Yes","4.00","2.00","old","HTML"\n'
    '"Haddad","Noor","nh2","8805","","Yes","","3.00","keep","HTML"\n'
)
BLACKBOARD_TABS = (
    "\ufeff"
    + BLACKBOARD.replace('","', '"\t"').replace("[Total Pts: 62", "[Total Pts: 100")
).encode("utf-16-le")

CLASSROOM = """\
identifier,github_username,github_id,name
8802,sodwyer,5550102,Seán O'Dwyer
8801,zoe-ml,5550101,Zoë Müller-Lång
8805,noor-h2,5550105,Noor Haddad
8804,h2,5550104,Noor Haddad
"Lee, Jr., Sam",,,
"""

CLASSROOM_GRADES = """\
assignment_name,assignment_url,starter_code_url,github_username,roster_identifier,\
student_repository_name,student_repository_url,submission_timestamp,points_awarded,\
points_available,group_name
koans,https://site.example/a,,sodwyer,8802,koans-owls,https://site.example/r,\
2026-11-25 01:04:11,0,62,owls
koans,https://site.example/a,,zoe-ml,8801,koans-owls,https://site.example/r,\
2026-11-25 01:04:11,0,62,owls
"""

CLASSROOM_50 = """\
username,first_name,last_name,email,section,github_id
sodwyer,Seán,O'Dwyer,sean.od@uni.example,A,5550102
zoe-ml,Zoë,Müller-Lång,zoe.ml@uni.example,B,5550101
"""

GRADESCOPE = """\
First Name,Last Name,SID,Email,Sections,Total Score,Max Points,Status,Submission ID,\
Submission Time,Lateness (H:M:S),View Count,Submission Count
Seán,O'Dwyer,8802,sean.od@uni.example,A,,62.0,Ungraded,7001,2026-11-25 01:04:11 +0000,\
02:05:00,0,1
Noor,Haddad,8804,noor.h1@uni.example,B,,62.0,Missing,,,00:00:00,0,0
"""

PEOPLE = """\
id,name,email,section,late,bonus
ada,Ada Lovelace,ada@uni.example,A,,-2
1815,"Turing, Alan",alan@uni.example,A,yes,
nguyen,Nguyễn Thị Minh Khai,khai@uni.example,B,,=1+1
zoe,Zoë Müller-Lüdenscheidt,zoe@uni.example,B,no,
jane1,Jane Doe,doe1@uni.example,B,,
jane2,Jane Doe,doe2@uni.example,B,,
"""
