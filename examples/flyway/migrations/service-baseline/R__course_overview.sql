CREATE OR REPLACE VIEW course_overview AS
    SELECT c.id, c.title, count(e."user") AS enrolments
    FROM courses c LEFT JOIN enrolments e ON e.course = c.id
    GROUP BY c.id, c.title;
